// Damaged and hostile files: every reader reads or refuses them, within a second and 64 MB beside the file.
// LASER_MUTATIONS is the number of damaged files for each reader (500).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "mutation.hpp"
#include "reading.hpp"

namespace laser::hostile {
namespace {

std::uint64_t mutations() {
  const char* given = std::getenv("LASER_MUTATIONS");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 500;
}

class HostileFiles : public testing::TestWithParam<std::size_t> {
 protected:
  [[nodiscard]] const Target& target() const { return targets()[GetParam()]; }
};

INSTANTIATE_TEST_SUITE_P(Readers, HostileFiles, testing::Range(std::size_t{0}, targets().size()),
                         [](const auto& reader) { return targets()[reader.param].name; });

TEST_P(HostileFiles, RightOnesAreRead) {
  const Workplace workplace;
  for (const auto& seed : target().seeds) {
    const auto outcome = read(target(), workplace, seed);
    EXPECT_TRUE(outcome.fault.empty() && !outcome.refused) << outcome.fault;
  }
}

TEST_P(HostileFiles, DamagedOnesAreReadOrRefused) {
  const Workplace workplace;
  std::uint64_t refused = 0, faults = 0;
  double seconds = 0;
  std::size_t bytes = 0;
  for (std::uint64_t i = 0; i < mutations(); ++i) {
    const auto file = damaged(target().seeds[i % target().seeds.size()], i);
    const auto outcome = read(target(), workplace, file);
    refused += outcome.refused ? 1 : 0;
    seconds = std::max(seconds, outcome.seconds);
    bytes = std::max(bytes, outcome.bytes);
    if (outcome.fault.empty()) continue;
    if (++faults < 10) ADD_FAILURE() << "damage " << i << ": " << outcome.fault;
  }
  EXPECT_EQ(faults, 0u);
  EXPECT_GT(refused, target().name == "known_answers" ? mutations() / 4 : mutations() / 3)
      << "the damage is hardly noticed";
  RecordProperty("tried", std::to_string(mutations()));
  RecordProperty("refused", std::to_string(refused));
  std::printf("%s: %llu damaged files, %llu refused, %llu faults, at most %.3f s and %.1f MB\n",
              target().name.c_str(), static_cast<unsigned long long>(mutations()),
              static_cast<unsigned long long>(refused), static_cast<unsigned long long>(faults), seconds,
              static_cast<double>(bytes) / 1e6);
}

TEST_P(HostileFiles, HostileOnesAreRefused) {
  static const auto files = hostile_files();
  const Workplace workplace;
  for (const auto& file : files) {
    if (file.target != target().name) continue;
    const auto outcome = read(target(), workplace, file.bytes);
    EXPECT_TRUE(outcome.refused) << file.what;
    EXPECT_EQ(outcome.fault, "") << file.what;
  }
}

}  // namespace
}  // namespace laser::hostile
