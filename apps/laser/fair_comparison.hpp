// What `laser tune` and the studies with chosen step sizes share: the three sweeps one after the other, then
// the report. Every sweep goes on by itself where it was cut off.
#pragma once

#include <string>
#include <vector>

#include "laser/train/tuning.hpp"

namespace laser {

struct ComparisonOptions {
  SweepOptions sweep;           // its folder gets choosing/, fixed/, tuned/ and report/
  std::vector<double> targets;  // accuracies whose power is told, percent
  bool json = false;
  bool quiet = false;
};

/// Prints the report. Returns the exit code. Throws what sweeps throw.
int run_fair_comparison(const TuningPlan& plan, const ComparisonOptions& options);

/// The names of all runs whose settings are known before the choice.
std::string comparison_runs(const TuningPlan& plan);

/// All runs, with stand-ins for those whose step size will be chosen.
std::vector<Job> comparison_jobs(const TuningPlan& plan);

}  // namespace laser
