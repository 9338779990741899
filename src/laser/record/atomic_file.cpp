#include "laser/record/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "laser/core/error.hpp"

namespace laser {
namespace {

// Without this a power cut can forget the rename although the file itself is on the disk.
void sync_folder_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const std::string folder = parent.empty() ? "." : parent;
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail(ExitCode::kIo, "{}: {}", folder, system_reason(errno));
  const int result = fsync(descriptor);
  const int error_number = errno;
  close(descriptor);
  // EINVAL: a file system that can't sync folders; the file itself is safe.
  if (result != 0 && error_number != EINVAL)
    fail(ExitCode::kIo, "{}: {}", folder, system_reason(error_number));
}

}  // namespace

std::string system_reason(int error_number) { return std::generic_category().message(error_number); }

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void create_folders(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error && std::filesystem::is_directory(folder, error)) return;
  const std::string reason = error ? error.message() : "a file is in the way";
  fail(ExitCode::kIo, "{}: can't create the folder: {}. HINT: choose another --out", folder, reason);
}

void write_file_atomically(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".tmp-" + std::to_string(getpid());
  const int descriptor = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) fail(ExitCode::kIo, "{}: can't write: {}", path, system_reason(errno));
  int error_number = 0;
  if (!write_all(descriptor, text) || fsync(descriptor) != 0) error_number = errno;
  if (close(descriptor) != 0 && error_number == 0) error_number = errno;
  if (error_number == 0 && rename(temporary.c_str(), path.c_str()) != 0) error_number = errno;
  if (error_number != 0) {
    unlink(temporary.c_str());
    fail(ExitCode::kIo, "{}: can't write {} bytes: {}", path, text.size(), system_reason(error_number));
  }
  sync_folder_of(path);
}

}  // namespace laser
