#include "laser/train/learning_rate.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>

#include "laser/core/fail.hpp"

namespace laser {
namespace {

void check_positive(std::string_view name, double value) {
  if (!std::isfinite(value) || value <= 0) {
    fail(ExitCode::kConfiguration, "{} is {}: it must be a finite number above 0", name, value);
  }
}

double cosine(double start, double end, double progress) {
  return end + (start - end) / 2 * (1 + std::cos(std::numbers::pi * progress));
}

}  // namespace

double multistep_learning_rate(double base_rate, std::span<const std::int64_t> milestones, double gamma,
                               std::int64_t epoch) {
  check_positive("the learning rate", base_rate);
  check_positive("gamma of the multistep schedule", gamma);
  if (epoch < 0)
    fail(ExitCode::kConfiguration, "epoch {} of the multistep schedule: it must be 0 or above", epoch);
  const auto passed =
      std::ranges::count_if(milestones, [&](std::int64_t milestone) { return milestone <= epoch; });
  return base_rate * std::pow(gamma, static_cast<double>(passed));
}

double one_cycle_learning_rate(const OneCycle& cycle, std::int64_t total_steps, std::int64_t step) {
  check_positive("the maximum of the one-cycle schedule", cycle.maximum);
  check_positive("div_factor of the one-cycle schedule", cycle.start_divisor);
  check_positive("final_div_factor of the one-cycle schedule", cycle.end_divisor);
  if (!(cycle.warmup_fraction >= 0 && cycle.warmup_fraction <= 1)) {
    fail(ExitCode::kConfiguration, "pct_start of the one-cycle schedule is {}: it must lie in [0, 1]",
         cycle.warmup_fraction);
  }
  if (step < 0 || step >= total_steps) {
    fail(ExitCode::kConfiguration, "step {} of the one-cycle schedule: it must lie in 0..{}", step,
         total_steps - 1);
  }
  const double start = cycle.maximum / cycle.start_divisor;
  const double end = start / cycle.end_divisor;
  const double peak = cycle.warmup_fraction * static_cast<double>(total_steps) - 1;
  const auto t = static_cast<double>(step);
  // A warm-up of one step or less (peak <= 0) has no rising part: the schedule starts on the falling one.
  if (t <= peak && peak > 0) return cosine(start, cycle.maximum, t / peak);
  const double fall = static_cast<double>(total_steps) - 1 - peak;
  return fall > 0 ? cosine(cycle.maximum, end, (t - peak) / fall) : cycle.maximum;
}

}  // namespace laser
