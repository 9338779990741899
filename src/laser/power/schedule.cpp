#include "laser/power/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "laser/core/arguments.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/named_choice.hpp"

namespace laser {
namespace {

std::vector<double> linear_up(std::int64_t periods, double average) {
  if (periods == 1) return {average};
  std::vector<double> budgets(static_cast<std::size_t>(periods));
  for (std::size_t t = 0; t < budgets.size(); ++t) {
    const double progress = static_cast<double>(t) / static_cast<double>(periods - 1);
    budgets[t] = average * (1.0 + 4.0 * progress) / 3.0;
  }
  return budgets;
}

// Rescales so that the mean is `average`; dividing by the largest entry first keeps the sum finite.
void rescale_to_mean(std::vector<double>& budgets, double average) {
  const double largest = std::ranges::max(budgets);
  for (double& budget : budgets) budget /= largest;
  const double mean =
      std::accumulate(budgets.begin(), budgets.end(), 0.0) / static_cast<double>(budgets.size());
  for (double& budget : budgets) budget *= average / mean;
}

std::vector<double> step_up(std::int64_t periods, double average) {
  std::vector<double> budgets(static_cast<std::size_t>(periods));
  for (std::int64_t t = 0; t < periods; ++t) {
    const std::int64_t level = 5 * t / periods + 1;
    budgets[static_cast<std::size_t>(t)] = static_cast<double>(level);
  }
  // The levels 1..5 have mean 3 only if 5 divides T; otherwise the spec's factor nu restores the mean.
  rescale_to_mean(budgets, average);
  return budgets;
}

std::vector<double> power_law(std::int64_t periods, double average, double exponent) {
  if (!(std::abs(exponent) <= 8)) {
    fail(ExitCode::kConfiguration, "power_exponent = {} is out of range: it must be -8 .. 8", exponent);
  }
  std::vector<double> budgets(static_cast<std::size_t>(periods));
  // Over the largest, so that no power of many periods leaves the range.
  const double last = exponent > 0 ? static_cast<double>(periods) : 1.0;
  for (std::size_t t = 0; t < budgets.size(); ++t)
    budgets[t] = std::pow(static_cast<double>(t + 1) / last, exponent);
  rescale_to_mean(budgets, average);
  return budgets;
}

std::vector<double> reversed(std::vector<double> budgets) {
  std::ranges::reverse(budgets);
  return budgets;
}

std::vector<double> custom_schedule(std::int64_t periods, double average, std::span<const double> custom) {
  require_length("the custom power policy", custom.size(), static_cast<std::size_t>(periods));
  require_all_nonnegative("the custom power policy", custom);
  if (std::ranges::all_of(custom, [](double value) { return value == 0; })) {
    fail(ExitCode::kConfiguration,
         "the custom power policy has only zeros: at least one entry must be positive");
  }
  std::vector<double> budgets(custom.begin(), custom.end());
  rescale_to_mean(budgets, average);
  return budgets;
}

}  // namespace

PowerPolicy parse_power_policy(std::string_view name) {
  return parse_choice(kPowerPolicies, "power policy", name);
}

std::vector<double> power_schedule(PowerPolicy policy, std::int64_t periods, double average,
                                   std::span<const double> custom, double exponent) {
  require_positive("the average power", average);
  require_at_least("the number of periods of the power policy", periods, 1);
  switch (policy) {
    case PowerPolicy::constant:
      return std::vector<double>(static_cast<std::size_t>(periods), average);
    case PowerPolicy::linear_up:
      return linear_up(periods, average);
    case PowerPolicy::linear_down:
      return reversed(linear_up(periods, average));
    case PowerPolicy::step_up:
      return step_up(periods, average);
    case PowerPolicy::step_down:
      return reversed(step_up(periods, average));
    case PowerPolicy::power_law:
      return power_law(periods, average, exponent);
    case PowerPolicy::custom:
      return custom_schedule(periods, average, custom);
  }
  LASER_CHECK(false);
  return {};
}

}  // namespace laser
