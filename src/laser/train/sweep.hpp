// A grid of runs, several at once. A job is the hash of its resolved configuration: nothing is run twice.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "laser/record/schema.hpp"
#include "laser/train/experiment.hpp"
#include "laser/train/trainer.hpp"

namespace laser {

/// One axis of the grid: a key and the values it takes.
struct Axis {
  std::string key;
  std::vector<std::string> values;
};

/// Splits "key=v1,v2,..."; commas inside [...] belong to the value. Throws Error (usage).
Axis parse_axis(const std::string& text);

struct Job {
  std::string name;  // folder name: the axes' values and eight digits of the hash
  Experiment experiment;
};

/// All combinations, in order, the last axis fastest. Combinations that resolve to equal experiments (a
/// noiseless method at several powers) are one job. Throws Error (configuration) for any bad combination
/// before anything runs.
std::vector<Job> make_jobs(const Settings& base, const std::vector<Axis>& axes);

/// One run; its name is `prefix`, "_" and eight digits of the hash. Throws Error (configuration).
Job make_job(const Settings& settings, const std::string& prefix);

/// The combinations of several grids, one grid after the other, none twice.
std::vector<Job> make_jobs(const Settings& base, const std::vector<std::vector<Axis>>& grids);

struct SweepOptions {
  std::string folder;
  std::int64_t parallel = 0;           // runs at once; 0: cores / threads of a run
  bool resume = false;                 // keep the completed runs of this folder and go on with the others
  bool extend = false;                 // as resume, and take over a grid that has changed
  bool fail_fast = false;              // end at the first run that fails, instead of going on with the others
  std::int64_t checkpoint_rounds = 0;  // of every run; 0: one a minute
  std::string command;
  std::function<bool()> stop;
  std::function<void(double done, std::int64_t runs_done, std::int64_t runs)>
      progress;  // done: in runs, fractional
};

struct SweepResult {
  std::int64_t completed = 0;  // those found completed included
  std::int64_t found = 0;
  std::vector<std::string> failures;  // "name: reason"
  bool interrupted = false;
};

/// Runs the jobs into folder/<name>; with `resume` a run that was cut off goes on from its last checkpoint,
/// and one that diverged is not tried again. A job that fails is told in the result and the others go on.
/// Throws Error (I/O) if the folder holds a sweep already and `resume` is off, if another process works on
/// it, or if it can't be written; Error (configuration) where the grid has changed and `extend` is off.
SweepResult run_sweep(const std::vector<Job>& jobs, const SweepOptions& options);

}  // namespace laser
