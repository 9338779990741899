#include "laser/bench/peak_memory.hpp"

#include <malloc.h>

#include <fstream>
#include <string>

namespace laser::bench {
namespace {

/// A line "Name:   123 kB" of /proc/self/status, in bytes.
std::optional<std::int64_t> status_bytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t kilobytes = 0;
    if (word == name && status >> kilobytes) return kilobytes * 1024;
  }
  return {};
}

}  // namespace

std::optional<std::int64_t> peak_extra_bytes(const std::function<void()>& work) {
  malloc_trim(0);
  // "5" sets the peak back to what is resident now.
  if (!(std::ofstream("/proc/self/clear_refs") << "5" << std::flush)) return {};
  const auto before = status_bytes("VmRSS:");
  work();
  const auto peak = status_bytes("VmHWM:");
  if (!before || !peak) return {};
  return *peak - *before;
}

}  // namespace laser::bench
