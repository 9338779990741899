// libFuzzer on the same readers (cmake -DLASER_FUZZ=ON): LASER_FUZZ_TARGET chooses one.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "reading.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace laser::hostile;
  static const Target* const chosen = [] {
    const char* name = std::getenv("LASER_FUZZ_TARGET");
    for (const auto& target : targets()) {
      if (name != nullptr && target.name == name) return &target;
    }
    std::fputs("LASER_FUZZ_TARGET must be one of:", stderr);
    for (const auto& target : targets()) std::fprintf(stderr, " %s", target.name.c_str());
    std::fputc('\n', stderr);
    std::exit(2);
  }();
  static const Workplace workplace;
  const auto outcome = read(*chosen, workplace, {reinterpret_cast<const char*>(data), size});
  if (outcome.fault.empty()) return 0;
  std::fprintf(stderr, "%s\n", outcome.fault.c_str());
  std::abort();
}
