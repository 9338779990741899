#include "passive_threads.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "laser/core/machine_limits.hpp"

namespace laser {
namespace {

/// Whether the command will have several threads that can wait for each other. A run has all cores unless it
/// is told, the runs of a sweep one thread each.
bool threads_will_wait(char** argv) {
  const std::string_view command = argv[0] == nullptr || argv[1] == nullptr ? "" : argv[1];
  const bool train = command == "train";
  if (!train && command != "sweep" && command != "reproduce" && command != "tune") return false;
  bool several = train && default_threads() > 1;
  for (char** word = argv + 2; *word != nullptr; ++word) {
    if (const std::string_view text = *word; text.starts_with("threads=")) several = text != "threads=1";
  }
  return several;
}

}  // namespace

void let_waiting_threads_sleep(char** argv) {
  for (const char* said : {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"})
    if (std::getenv(said) != nullptr) return;
  if (!threads_will_wait(argv)) return;
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error || setenv("OMP_WAIT_POLICY", "passive", 1) != 0) return;
  execv(program.c_str(), argv);  // comes back where it can't: then the threads spin
}

}  // namespace laser
