// A fair comparison of methods: the same grid of step sizes for every method at every power, the
// choice made on examples held out of training, the test accuracy told once, at the chosen step size
// and at the method's own.
//
// This is the plan and the choice; running the jobs is sweep.hpp, what comes out is report/tuned.hpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "laser/record/schema.hpp"
#include "laser/train/sweep.hpp"

namespace laser {

/// What step sizes are chosen by, of the examples held out.
struct TuningMetric {
  const char* name;      // accuracy | ema | perplexity
  const char* sentence;  // for the help text
  double worst;          // that of a run which diverged
  bool higher_is_better;
  double (*at_epoch)(const EpochRecord&);
};

/// All of them, the default first.
std::span<const TuningMetric> tuning_metrics();
/// The one of that name. Throws Error (configuration) that lists the names.
const TuningMetric& tuning_metric(const std::string& name);

struct TuningPlan {
  Settings base;                     // of every run; neither the method nor the step size
  std::vector<std::string> methods;  // of recipes()
  std::vector<std::string> powers;
  std::string power_key = "power";                            // the setting that they are of: power | snr_db
  std::map<std::string, std::vector<std::string>> powers_of;  // of a method that has its own
  std::set<std::string> untuned;                              // methods that keep their own step size
  std::vector<std::string> rates;                             // the grid of step sizes
  std::string metric = "accuracy";                            // of tuning_metrics()
  std::int64_t choosing_seeds = 1;                            // of the runs that choose: 1 .. n
  std::int64_t seeds = 5;                                     // of the runs that are reported: 1 .. n
  double validation = 0.1;                                    // share of the training examples that chooses
};

/// `count` step sizes from `low` to `high`, evenly over the logarithm, rounded to two digits. Throws Error
/// (configuration) unless 0 < low < high and count > 1.
std::vector<std::string> rate_grid(double low, double high, std::int64_t count);

/// Throws Error (configuration) where the base fixes what the plan varies, or a list is empty.
void validate(const TuningPlan& plan);

/// The runs that choose: every method that is tuned, power and step size, on the training examples that are
/// not held out.
std::vector<Job> choosing_jobs(const TuningPlan& plan);

/// The step size that a method is given at a power.
struct ChosenRate {
  std::string method;
  std::optional<double> power;  // absent: noiseless
  std::string rate;
  double value = 0;      // the metric on the held-out examples, mean over the seeds
  bool at_edge = false;  // the smallest or the largest of the grid: the best may lie beyond
};

/// The best of every method and power by the mean of the metric after `epoch` (0: the last), among `rates`
/// (empty: the plan's). A run that diverged counts as the worst. `runs` are those of choosing_jobs(), in its
/// order. Throws Error (data) where one is not complete.
std::vector<ChosenRate> choose_rates(const TuningPlan& plan, std::span<const Run> runs,
                                     std::int64_t epoch = 0, std::vector<std::string> rates = {});

/// The runs that are reported, on all training examples: at the step sizes that the
/// methods have by themselves.
std::vector<Job> fixed_jobs(const TuningPlan& plan);

/// Those of the methods that are tuned, at the chosen step sizes.
std::vector<Job> tuned_jobs(const TuningPlan& plan, std::span<const ChosenRate> chosen);

}  // namespace laser
