#include "laser/power/schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "expect_error.hpp"

namespace laser {
namespace {

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

TEST(PowerSchedule, KeepsTheMeanAndTheRangeForEveryLength) {
  for (const auto& [name, policy] : kPowerPolicies) {
    if (policy == PowerPolicy::custom) continue;
    for (const std::int64_t periods : {1, 2, 3, 4, 5, 7, 50, 150, 1501}) {
      const auto budgets = power_schedule(policy, periods, 250);
      ASSERT_EQ(budgets.size(), static_cast<std::size_t>(periods)) << name;
      EXPECT_NEAR(mean(budgets), 250, 250 * 1e-13) << name << " T=" << periods;
      for (const double budget : budgets) EXPECT_GT(budget, 0) << name;
    }
  }
}

TEST(PowerSchedule, LinearRunsFromOneThirdToFiveThirds) {
  const auto up = power_schedule(PowerPolicy::linear_up, 5, 3);
  EXPECT_EQ(up, (std::vector<double>{1, 2, 3, 4, 5}));
  EXPECT_EQ(power_schedule(PowerPolicy::linear_down, 5, 3), (std::vector<double>{5, 4, 3, 2, 1}));
  EXPECT_EQ(power_schedule(PowerPolicy::linear_up, 1, 3), std::vector<double>{3});
}

TEST(PowerSchedule, StepsHaveFiveEqualLevels) {
  const auto up = power_schedule(PowerPolicy::step_up, 10, 3);
  const std::vector<double> expected{1, 1, 2, 2, 3, 3, 4, 4, 5, 5};
  for (std::size_t t = 0; t < 10; ++t) EXPECT_NEAR(up[t], expected[t], 1e-14);
  const auto down = power_schedule(PowerPolicy::step_down, 10, 3);
  for (std::size_t t = 0; t < 10; ++t) EXPECT_EQ(down[t], up[9 - t]);
}

TEST(PowerSchedule, PowerLawGrowsAsThePeriodToItsExponent) {
  for (const double exponent : {-1.0, 0.0, 0.8, 2.0}) {
    const auto budgets = power_schedule(PowerPolicy::power_law, 9, 3, {}, exponent);
    EXPECT_NEAR(mean(budgets), 3, 1e-13);
    for (std::size_t t = 0; t < budgets.size(); ++t)
      EXPECT_NEAR(budgets[t] / budgets[0], std::pow(static_cast<double>(t + 1), exponent), 1e-12) << exponent;
  }
  const auto long_run = power_schedule(PowerPolicy::power_law, 1000000, 1e300, {}, 8);
  EXPECT_TRUE(std::isfinite(long_run.back()));
  for (const double wrong : {9.0, -8.5, std::numeric_limits<double>::quiet_NaN()}) {
    expect_error([=] { return power_schedule(PowerPolicy::power_law, 3, 1, {}, wrong); },
                 ExitCode::kConfiguration, "power_exponent");
  }
}

TEST(PowerSchedule, RescalesCustomShapes) {
  const std::vector<double> shape{0, 1e308, 1e308};
  const auto budgets = power_schedule(PowerPolicy::custom, 3, 6, shape);
  EXPECT_EQ(budgets[0], 0);
  EXPECT_DOUBLE_EQ(budgets[1], 9);
  EXPECT_DOUBLE_EQ(budgets[2], 9);
}

TEST(PowerSchedule, NamesAreRead) {
  for (const auto& [name, policy] : kPowerPolicies) EXPECT_EQ(parse_power_policy(name), policy);
  expect_error([] { return parse_power_policy("linear"); }, ExitCode::kConfiguration,
               "unknown power policy 'linear': choose one of constant, linear_up");
}

TEST(PowerSchedule, RefusesBadArguments) {
  const auto schedule = [](double average, std::int64_t periods, std::vector<double> custom) {
    return [=] { return power_schedule(PowerPolicy::custom, periods, average, custom); };
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double average : {0.0, -1.0, nan, infinity}) {
    expect_error(schedule(average, 1, {1}), ExitCode::kConfiguration, "the average power is");
  }
  expect_error(schedule(1, 0, {}), ExitCode::kConfiguration, "periods of the power policy is 0");
  expect_error(schedule(1, 3, {1, 2}), ExitCode::kConfiguration, "has 2 entries: 3 are needed");
  expect_error(schedule(1, 2, {1, -2}), ExitCode::kConfiguration, "entry 1 of the custom power policy is -2");
  expect_error(schedule(1, 2, {nan, 1}), ExitCode::kConfiguration,
               "entry 0 of the custom power policy is nan");
  expect_error(schedule(1, 2, {0, 0}), ExitCode::kConfiguration, "only zeros");
}

}  // namespace
}  // namespace laser
