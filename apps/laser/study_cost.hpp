// What a study takes before it is started: processor time, memory and disk, for --dry-run.
//
// Times are measured here and now on rounds of the study's own runs, and the text says on how many: nothing
// is taken from a table. Memory and disk are counted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "laser/train/sweep.hpp"

namespace laser {

/// The cost in a few lines, with `parallel` runs at once (0: as run_sweep has it). Takes some seconds, and
/// more where a single round does. What can't be told, and why, is said in the text.
std::string study_cost(const std::vector<Job>& jobs, std::int64_t parallel);

/// The answer to --dry-run: the cost on stderr, unless `quiet`, and the names of the runs on stdout.
void print_dry_run(const std::vector<Job>& jobs, const std::string& names, const SweepOptions& options,
                   bool quiet);

/// The names of the jobs, a line each, behind `prefix`.
std::string names_of_jobs(const std::vector<Job>& jobs, const std::string& prefix = "");

/// The jobs that choose step sizes, and behind them stand-ins for those that are reported then, `seeds` for
/// each method and power: they cost the same at every step size.
std::vector<Job> with_reported(std::vector<Job> choosing, std::int64_t seeds);

}  // namespace laser
