// Every channel beside the paper's is confronted with its formula, and a formula that is off fails.
#include "laser/verify/link_checks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "laser/channel/channel.hpp"

namespace laser::verify {
namespace {

const std::vector<Check>& checks() {
  static const auto all = [] {
    LinkChecks links(5, 2048);
    run_tasks(links.tasks(), 2, {});
    return links.checks();
  }();
  return all;
}

TEST(LinkChecks, AllHold) {
  for (const auto& check : checks())
    EXPECT_TRUE(check.holds()) << check.subject << ": " << check.quantity << " " << check.measured.value
                               << " for " << check.expected;
}

// noiseless has nothing to measure, and numbers that travel as energies have an error of their own
// kind, which channels_test measures, as digital_test does the quantisers of bits; a new channel has
// to be added here.
TEST(LinkChecks, EveryChannelIsThere) {
  for (const auto& entry : channels()) {
    if (entry.name == "noiseless" || !entry.needs.empty()) continue;
    if (channel_traits(entry.name).as_energies || channel_traits(entry.name).digital) continue;
    EXPECT_TRUE(std::ranges::any_of(checks(), [&](const Check& c) {
      return c.subject.starts_with(entry.name);
    })) << entry.name;
  }
}

// 2,048 draws of 24 symbols: relative standard errors of 0.7 % (additive noise) to 2.5 % (random gains).
TEST(LinkChecks, AFormulaThatIsOffFails) {
  for (auto check : checks()) {
    if (check.quantity != "error energy over the formula") continue;
    check.expected = 1.2;
    EXPECT_FALSE(check.holds()) << check.subject;
  }
}

}  // namespace
}  // namespace laser::verify
