// Learning-rate schedules as pure functions of the step or epoch (spec 5): constant, multistep, one-cycle.
//
// The same rate serves every method of a task. The optimizer that uses it is elsewhere. No Torch here.
#pragma once

#include <cstdint>
#include <span>

namespace laser {

/// base_rate * gamma^(number of milestones <= epoch) (spec 5, multistep); `epoch` counts from 0, and a
/// constant rate is the case of no milestones. Throws Error (configuration) if the rate or gamma is not
/// positive, or epoch < 0.
[[nodiscard]] double multistep_learning_rate(double base_rate, std::span<const std::int64_t> milestones,
                                             double gamma, std::int64_t epoch);

/// Cosine from maximum/start_divisor up to maximum, then down to maximum/(start_divisor * end_divisor); spec
/// 5, with the paper's values as defaults (end = 0.2 maximum).
struct OneCycle {
  double maximum = 0;             // max_lr
  double warmup_fraction = 0.02;  // pct_start; the peak is at u = pct_start * T - 1
  double start_divisor = 100;     // div_factor
  double end_divisor = 0.05;      // final_div_factor, relative to the starting rate
};

/// The rate at `step` (0-based) of `total_steps` T (spec 5, one-cycle): the end of the first part is
/// u = pct_start * T - 1, which need not be an integer. Throws Error (configuration) on parameters that are
/// not positive, a warm-up fraction outside [0, 1], or a step outside 0..T-1.
[[nodiscard]] double one_cycle_learning_rate(const OneCycle& cycle, std::int64_t total_steps,
                                             std::int64_t step);

}  // namespace laser
