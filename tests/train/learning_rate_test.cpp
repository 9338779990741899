#include "laser/train/learning_rate.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "laser/core/error.hpp"

namespace laser {
namespace {

using Milestones = std::vector<std::int64_t>;

TEST(OneCycle, PassesThroughStartPeakAndEnd) {
  const OneCycle cycle{.maximum = 1e-3};
  EXPECT_NEAR(one_cycle_learning_rate(cycle, 20000, 0), 1e-5, 1e-17);
  EXPECT_NEAR(one_cycle_learning_rate(cycle, 20000, 399), 1e-3, 1e-15);
  EXPECT_NEAR(one_cycle_learning_rate(cycle, 20000, 19999), 2e-4, 1e-16);
}

TEST(OneCycle, RisesThenFalls) {
  const OneCycle cycle{.maximum = 0.5, .warmup_fraction = 0.3};
  double previous = 0;
  for (std::int64_t step = 0; step < 100; ++step) {
    const double rate = one_cycle_learning_rate(cycle, 100, step);
    EXPECT_EQ(rate > previous, step <= 29) << step;
    previous = rate;
  }
}

TEST(OneCycle, StaysFiniteWithoutWarmUp) {
  // 0.02 * 50 - 1 = 0: the peak is the first step; below that the schedule starts on the falling part.
  EXPECT_DOUBLE_EQ(one_cycle_learning_rate({.maximum = 0.5}, 50, 0), 0.5);
  for (const std::int64_t total : {1, 2, 3, 10, 49, 50, 51}) {
    for (const double fraction : {0.0, 0.02, 0.5, 1.0}) {
      for (std::int64_t step = 0; step < total; ++step) {
        const double rate =
            one_cycle_learning_rate({.maximum = 0.5, .warmup_fraction = fraction}, total, step);
        EXPECT_TRUE(rate > 0 && rate <= 0.5) << total << " " << fraction << " " << step << ": " << rate;
      }
    }
  }
}

TEST(Multistep, DecaysAtEveryMilestone) {
  const Milestones milestones{150, 250};
  EXPECT_DOUBLE_EQ(multistep_learning_rate(0.05, milestones, 0.1, 149), 0.05);
  EXPECT_DOUBLE_EQ(multistep_learning_rate(0.05, milestones, 0.1, 150), 0.005);
  EXPECT_DOUBLE_EQ(multistep_learning_rate(0.05, milestones, 0.1, 300), 0.0005);
  EXPECT_EQ(multistep_learning_rate(0.05, Milestones{}, 0.1, 300), 0.05);
}

TEST(LearningRate, RefusesBadArguments) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW((void)multistep_learning_rate(0, Milestones{}, 0.1, 0), Error);
  EXPECT_THROW((void)multistep_learning_rate(nan, Milestones{}, 0.1, 0), Error);
  EXPECT_THROW((void)multistep_learning_rate(0.1, Milestones{}, -1, 0), Error);
  EXPECT_THROW((void)multistep_learning_rate(0.1, Milestones{}, 0.1, -1), Error);
  EXPECT_THROW((void)one_cycle_learning_rate({.maximum = nan}, 10, 0), Error);
  EXPECT_THROW((void)one_cycle_learning_rate({.maximum = 1, .warmup_fraction = 1.5}, 10, 0), Error);
  EXPECT_THROW((void)one_cycle_learning_rate({.maximum = 1, .start_divisor = 0}, 10, 0), Error);
  EXPECT_THROW((void)one_cycle_learning_rate({.maximum = 1}, 10, 10), Error);
  EXPECT_THROW((void)one_cycle_learning_rate({.maximum = 1}, 0, 0), Error);
}

}  // namespace
}  // namespace laser
