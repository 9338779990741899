// A fair comparison of methods: the same grid of step sizes for every method at every power, the choice made
// on examples held out of training, the test accuracy told once, at the chosen step size and at the method's
// own.
//
// This is the plan and the choice; running the jobs is sweep.hpp, what comes out is report/tuned.hpp.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "laser/record/schema.hpp"
#include "laser/train/sweep.hpp"

namespace laser {

struct TuningPlan {
  Settings base;                     // of every run; neither the method nor the step size
  std::vector<std::string> methods;  // of recipes()
  std::vector<std::string> powers;
  std::vector<std::string> rates;   // the grid of step sizes
  std::int64_t choosing_seeds = 1;  // of the runs that choose: 1 .. n
  std::int64_t seeds = 5;           // of the runs that are reported: 1 .. n
  double validation = 0.1;          // share of the training examples that chooses
};

/// `count` step sizes from `low` to `high`, evenly over the logarithm, rounded to two digits. Throws Error
/// (configuration) unless 0 < low < high and count > 1.
std::vector<std::string> rate_grid(double low, double high, std::int64_t count);

/// Throws Error (configuration) where the base fixes what the plan varies, or a list is empty.
void validate(const TuningPlan& plan);

/// The runs that choose: every method, power and step size, on the training examples that are not held out.
std::vector<Job> choosing_jobs(const TuningPlan& plan);

/// The step size that a method is given at a power.
struct ChosenRate {
  std::string method;
  std::optional<double> power;  // absent: noiseless
  std::string rate;
  double accuracy = 0;   // on the held-out examples, final weights, mean over the seeds
  bool at_edge = false;  // the smallest or the largest of the grid: the best may lie beyond
};

/// The best of every method and power by the mean final accuracy; a run that diverged counts as 0. `runs` are
/// those of choosing_jobs(), in its order. Throws Error (data) where one is not complete.
std::vector<ChosenRate> choose_rates(const TuningPlan& plan, std::span<const Run> runs);

/// The runs that are reported, on all training examples: at the step sizes that the methods have by
/// themselves.
std::vector<Job> fixed_jobs(const TuningPlan& plan);

/// The same at the chosen step sizes.
std::vector<Job> tuned_jobs(const TuningPlan& plan, std::span<const ChosenRate> chosen);

}  // namespace laser
