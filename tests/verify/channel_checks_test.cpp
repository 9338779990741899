// The channel part must hold for the code as it is, and must notice a wrong formula and wrong code.
//
// Sample sizes are 64 x 8 = 512 rounds unless said otherwise, with fixed seeds; the limit is 5 standard
// errors, which are about 1 percent of lambda or less.
#include "laser/verify/channel_checks.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace laser::verify {
namespace {

MeasuredScheme subject_named(const std::string& name, std::uint64_t seed = 3) {
  for (auto& subject : channel_subjects(seed)) {
    if (subject.scheme.name == name) return subject;
  }
  ADD_FAILURE() << "no subject " << name;
  return {};
}

/// Its checks at the power where gain and bias are measured too.
std::vector<Check> run(const MeasuredScheme& subject, SampleSize size = {64, 8}) {
  const double power = subject.powers[subject.powers.size() / 2];
  return checks_of(subject, power, measure(subject.scheme, power, size, subject.seed));
}

const Check& named(const std::vector<Check>& checks, const std::string& quantity,
                   Claim claim = Claim::kEqual) {
  const auto found = std::ranges::find_if(
      checks, [&](const Check& c) { return c.quantity == quantity && c.claim == claim; });
  EXPECT_NE(found, checks.end()) << quantity;
  return found == checks.end() ? checks.front() : *found;
}

TEST(ChannelChecks, AllHoldAndDoNotDependOnTheThreads) {
  ChannelChecks alone(5, {64, 4}), together(5, {64, 4});
  run_tasks(alone.tasks(), 1, {});
  run_tasks(together.tasks(), 3, {});
  const auto checks = alone.checks(), same = together.checks();
  ASSERT_EQ(checks.size(), same.size());
  ASSERT_GT(checks.size(), 90U);
  for (std::size_t i = 0; i < checks.size(); ++i) {
    EXPECT_TRUE(checks[i].holds()) << checks[i].subject << ": " << checks[i].quantity << " "
                                   << checks[i].measured.value << " for " << checks[i].expected;
    EXPECT_EQ(checks[i].measured.value, same[i].measured.value);
  }
}

TEST(ChannelChecks, AWrongFormulaIsCaught) {
  for (const char* name : {"Z-SGD", "LASER alternating, even rounds", "LASER alternating, odd rounds",
                           "LASER two-phase, phi = 0.5", "Random-K, cf = 0.2", "Z-SGD, 3 tensors, norm"}) {
    auto subject = subject_named(name);
    const double power = subject.powers[subject.powers.size() / 2];
    const auto moments = measure(subject.scheme, power, {64, 8}, subject.seed);
    EXPECT_TRUE(failures(checks_of(subject, power, moments)).empty()) << name;
    subject.influence = [right = subject.influence](double p) { return 1.1 * right(p); };
    EXPECT_FALSE(named(checks_of(subject, power, moments), "influence factor").holds()) << name;
  }
}

TEST(ChannelChecks, SwappedDimensionsAreCaught) {
  auto even = subject_named("LASER alternating, even rounds");
  even.influence = subject_named("LASER alternating, odd rounds").influence;
  EXPECT_FALSE(named(run(even), "influence factor").holds());
}

TEST(ChannelChecks, AViolatedBoundIsCaught) {
  auto subject = subject_named("LASER canonical, 24 x 40, r = 3");
  EXPECT_TRUE(named(run(subject), "influence factor", Claim::kAtMost).holds());
  subject.bound = [right = subject.bound](double power) { return right(power) / 3; };  // as for rank 1
  EXPECT_FALSE(named(run(subject), "influence factor", Claim::kAtMost).holds());
}

TEST(ChannelChecks, ABiasedReceiverIsCaught) {
  auto subject = subject_named("Z-SGD");
  subject.scheme.algorithm.receiver = "mmse_genie";  // shrinks by 1/(1 + lambda) = 0.76 here
  const auto checks = run(subject);
  EXPECT_FALSE(named(checks, "gain along the message").holds());
  EXPECT_FALSE(named(checks, "squared bias").holds());
  EXPECT_FALSE(named(checks, "influence factor").holds());
}

TEST(ChannelChecks, TooMuchEnergyIsCaught) {
  const auto subject = subject_named("Z-SGD");
  auto moments = measure(subject.scheme, 3000, {64, 4}, subject.seed);
  EXPECT_NEAR(moments.energy_use, 1, 1e-12);
  moments.energy_use = 1.01;
  EXPECT_FALSE(named(checks_of(subject, 3000, moments), "energy over budget", Claim::kAtMost).holds());
}

TEST(Moments, SeeALargerPower) {
  const auto subject = subject_named("Z-SGD");
  const auto weak = measure(subject.scheme, 300, {64, 8}, subject.seed);
  const auto strong = measure(subject.scheme, 600, {64, 8}, subject.seed);
  EXPECT_EQ(weak.samples, 512);
  EXPECT_NEAR(weak.influence.value / strong.influence.value, 2, 1e-9);  // the same noise, half the variance
}

TEST(DerivedSeed, IsDifferentForEveryIndexAndSeed) {
  EXPECT_NE(derived_seed(1, 1), derived_seed(1, 2));
  EXPECT_NE(derived_seed(1, 1), derived_seed(2, 1));
  EXPECT_EQ(derived_seed(1, 1), derived_seed(1, 1));
}

TEST(DecayingMatrix, HasUnitNorm) {
  EXPECT_NEAR(decaying_matrix(5, 9, 0.5, 3).norm().item<double>(), 1, 1e-14);
}

}  // namespace
}  // namespace laser::verify
