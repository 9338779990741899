#include "laser/theory/condition.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "../power/expect_error.hpp"
#include "laser/theory/influence.hpp"

namespace laser::theory {
namespace {

using Reals = std::vector<double>;

TEST(Condition, PaperExampleOfResNet18) {
  // spec 6: r = 4 and 62 tensors need 3968; it fails for 250 .. 2000 and holds from 4000 on.
  EXPECT_EQ(power_for_rank(4, 62), 3968);
  for (const double power : {250.0, 500.0, 1000.0, 2000.0, 3968.0})
    EXPECT_FALSE(rank_fits_power(4, power, 62));
  EXPECT_TRUE(rank_fits_power(4, 4000, 62));
}

TEST(Condition, ExactThresholdIsWhereTheBoundsMeet) {
  const double threshold = power_for_rank_exact(64, 576, 4, 3);
  EXPECT_NEAR(influence_bound_ratio(64, 576, 4, threshold / 3), 1, 1e-14);
  EXPECT_FALSE(rank_fits_power_exact(64, 576, 4, threshold, 3));
  EXPECT_TRUE(rank_fits_power_exact(64, 576, 4, threshold * (1 + 1e-12), 3));
  EXPECT_GT(threshold, power_for_rank(4, 3));
  EXPECT_DOUBLE_EQ(power_for_rank_exact(576, 64, 4, 3), threshold);
}

TEST(Condition, TooHighARankNeverPays) {
  EXPECT_EQ(power_for_rank_exact(16, 576, 4), std::numeric_limits<double>::infinity());
  EXPECT_FALSE(rank_fits_power_exact(16, 576, 4, 1e300));
}

TEST(Condition, LargestRankInvertsTheCondition) {
  for (const double power : {0.5, 4.0, 4.1, 100.0, 3968.0, 3969.0, 1e6}) {
    for (const std::int64_t tensors : {1, 62}) {
      const auto rank = largest_rank_for_power(power, tensors);
      EXPECT_TRUE(rank == 0 || rank_fits_power(rank, power, tensors)) << power;
      EXPECT_FALSE(rank_fits_power(rank + 1, power, tensors)) << power;
    }
  }
  EXPECT_EQ(largest_rank_for_power(3968, 62), 3);
  EXPECT_EQ(largest_rank_for_power(3969, 62), 4);
}

TEST(Quality, IsTheEnergyFractionOfTheLargest) {
  EXPECT_DOUBLE_EQ(compression_quality(Reals{1, 3, 2}, 1), 9.0 / 14);
  EXPECT_DOUBLE_EQ(compression_quality(Reals{1, 3, 2}, 2), 13.0 / 14);
  EXPECT_EQ(compression_quality(Reals{1, 3, 2}, 3), 1);
  EXPECT_DOUBLE_EQ(compression_quality(Reals{1e300, 3e300, 2e300}, 1), 9.0 / 14);
}

TEST(Condition, Assumption5) {
  EXPECT_DOUBLE_EQ(largest_influence(0.25, 0.5), 1 / 85.0);
  EXPECT_DOUBLE_EQ(largest_influence(1, 0), 0.05);
}

TEST(Condition, RefusesBadArguments) {
  const auto bad = ExitCode::kConfiguration;
  expect_error([] { return power_for_rank(0, 1); }, bad, "rank r is 0");
  expect_error([] { return power_for_rank(1, 0); }, bad, "tensors L is 0");
  expect_error([] { return rank_fits_power(1, -1); }, bad, "power P is -1");
  expect_error([] { return power_for_rank_exact(3, 4, 4); }, bad, "rank 4 does not fit");
  expect_error(
      [] {
        return compression_quality(Reals{1, 2}, 3);
      },
      bad, "rank 3 does not fit 2 singular values");
  expect_error([] { return compression_quality(Reals{0, 0}, 1); }, bad, "largest singular value is 0");
  expect_error([] { return compression_quality(Reals{1, -1}, 1); }, bad, "entry 1 of the singular values");
  expect_error([] { return compression_quality(Reals{}, 1); }, bad, "0 singular values");
  expect_error([] { return largest_influence(0, 1); }, bad, "delta is 0: it must lie in (0, 1]");
  expect_error([] { return largest_influence(1, -1); }, bad, "factor M is -1");
}

// spec 8.34: one 512 x 4608 tensor at r = 4 needs 1.6e6 (delta .9) to 1.9e8 (delta r/min), MNIST at r =
// 2 1.4e5 to 6e5.
TEST(LeastPower, IsFarAboveThePapersPowers) {
  EXPECT_NEAR(least_power(512, 4608, 4, 0.9), 1.64e6, 0.01e6);
  EXPECT_NEAR(least_power(512, 4608, 4, guaranteed_quality(512, 4608, 4)), 1.89e8, 0.01e8);
  EXPECT_NEAR(least_power(10, 784, 2, 0.9), 1.39e5, 0.01e5);
  EXPECT_NEAR(least_power(10, 784, 2, guaranteed_quality(10, 784, 2)), 6.27e5, 0.01e5);
}

TEST(LeastPower, IsWhereTheBoundOfLemma10MeetsAssumption5) {
  for (const double noise : {0.0, 0.5, 30.0}) {
    for (const double delta : {0.01, 0.4, 1.0}) {
      const double power = least_power(64, 576, 4, delta, noise, 3);
      EXPECT_NEAR(influence_one_shot_bound(64, 576, 4, power / 3) / largest_influence(delta, noise), 1,
                  1e-12);
      EXPECT_DOUBLE_EQ(least_power(576, 64, 4, delta, noise, 3), power);
    }
  }
  EXPECT_DOUBLE_EQ(guaranteed_quality(576, 64, 4), 4.0 / 64);
  expect_error([] { return least_power(4, 4, 5, 0.5); }, ExitCode::kConfiguration, "rank 5");
  expect_error([] { return least_power(4, 4, 1, 0); }, ExitCode::kConfiguration, "quality delta is 0");
  expect_error([] { return least_power(4, 4, 1, 0.5, -1); }, ExitCode::kConfiguration,
               "noise factor M is -1");
  expect_error([] { return least_power(4, 4, 1, 0.5, 0, 0); }, ExitCode::kConfiguration, "tensors L is 0");
}

}  // namespace
}  // namespace laser::theory
