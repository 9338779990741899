// Studies of several parts, each a comparison of methods with settings of its own: step sizes are chosen on
// held-out data part by part, then the runs that are reported are made, then each group of parts has a
// report. Every sweep goes on by itself where it was cut off.
#pragma once

#include <span>
#include <string>

#include "laser/train/sweep.hpp"
#include "studies.hpp"

namespace laser {

struct PartsStudyOptions {
  SweepOptions sweep;  // its folder gets PART/choosing, PART/final and, of each group, report-GROUP
  std::int64_t seeds = 3;
  bool quiet = false;
};

/// Runs what is missing and prints the reports. Returns the exit code. Throws what sweeps throw.
int run_parts_study(const Settings& base, std::span<const StudyPart> parts, const PartsStudyOptions& options);

/// The names of the runs that choose, a line each.
std::string parts_runs(const Settings& base, std::span<const StudyPart> parts);

/// All runs, with stand-ins for those whose step size will be chosen, `seeds` for each method and power.
std::vector<Job> parts_jobs(const Settings& base, std::span<const StudyPart> parts, std::int64_t seeds);

}  // namespace laser
