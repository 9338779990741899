#include "laser/core/resources.hpp"

#include <cstdlib>

#include "laser/core/fail.hpp"

namespace laser {

std::filesystem::path resource_root() {
  namespace fs = std::filesystem;
  if (const char* home = std::getenv("LASER_HOME"); home != nullptr && *home != '\0') {
    if (!fs::is_directory(home)) fail(ExitCode::kData, "LASER_HOME = {} is not a folder", home);
    return home;
  }
  std::error_code ignored;
  const auto program = fs::read_symlink("/proc/self/exe", ignored);
  auto installed = program.parent_path().parent_path() / "share" / "laser";
  if (fs::is_directory(installed)) return installed;
  if (fs::is_directory(LASER_SOURCE_DIR)) return LASER_SOURCE_DIR;
  fail(ExitCode::kData,
       "the program's files are not found. HINT: set LASER_HOME to the folder that holds configs/ and data/");
}

}  // namespace laser
