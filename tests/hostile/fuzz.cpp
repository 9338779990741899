// libFuzzer on the same readers (scripts/fuzz.sh): LASER_FUZZ_TARGET chooses one. With LASER_FUZZ_SEEDS = an
// existing folder the program writes the target's small right files there, to begin from, and ends.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "reading.hpp"

namespace {

using namespace laser::hostile;

/// The one that the environment names; ends the program where it names none.
const Target& chosen_target() {
  const char* name = std::getenv("LASER_FUZZ_TARGET");
  for (const auto& target : targets()) {
    if (name != nullptr && target.name == name) return target;
  }
  std::fputs("LASER_FUZZ_TARGET must be one of:", stderr);
  for (const auto& target : targets()) std::fprintf(stderr, " %s", target.name.c_str());
  std::fputc('\n', stderr);
  std::exit(2);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** /*arguments*/) {
  const char* folder = std::getenv("LASER_FUZZ_SEEDS");
  const auto& target = chosen_target();
  if (folder == nullptr) return 0;
  for (std::size_t i = 0; i < target.seeds.size(); ++i) {
    std::ofstream(folder + ("/seed-" + std::to_string(i)), std::ios::binary) << target.seeds[i];
  }
  std::exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Workplace workplace;
  const auto outcome = read(chosen_target(), workplace, {reinterpret_cast<const char*>(data), size});
  if (outcome.fault.empty()) return 0;
  std::fprintf(stderr, "%s\n", outcome.fault.c_str());
  std::abort();
}
