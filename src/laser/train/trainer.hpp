// Training runs with their files: records, checkpoints, weights. The loop itself is training.hpp.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "laser/collective/collective.hpp"
#include "laser/record/schema.hpp"
#include "laser/train/experiment.hpp"
#include "laser/train/task.hpp"

namespace laser {

/// Where a run is, for progress lines.
struct Progress {
  std::int64_t rounds_done = 0;
  std::int64_t rounds = 0;
  std::string result;  // of the last evaluation, in words; empty before the first
};

/// How a run talks to whoever started it. Every member may be empty.
struct RunControl {
  std::function<void(const Progress&)> progress;   // after every round
  std::function<bool()> stop;                      // true: end after this round, with what there is
  std::function<void(const EpochRecord&)> record;  // after every epoch
};

/// What a run leaves in its folder beside its records (record/schema.hpp).
struct RunFiles {
  /// Rounds from one checkpoint.safetensors to the next; 0: a minute instead.
  std::int64_t checkpoint_rounds = 0;
  /// Whether to keep weights.safetensors (at the end) and best.safetensors (at the best averaged accuracy).
  bool weights = true;
  /// Whether to go on from the checkpoint in the folder, from the start where there is none.
  bool resume = false;
  /// Whether the checkpoint of a run that has completed stays, so that it can be trained longer.
  bool keep_state = true;
  /// With `resume`: the experiment has another number of epochs than config.toml, which is written anew.
  bool other_epochs = false;
};

/// The data and model that an experiment asks for, for the workers that are here (null: all).
TaskOptions task_options(const Experiment& experiment, const Collective* processes = nullptr);

/// Trains one experiment without any files and returns its summary (status completed or interrupted). Throws
/// Error (non-finite) when training diverges; what was recorded until then has been handed out.
RunSummary train(const Experiment& experiment, Task& task, const RunControl& control);

/// Throws Error (configuration) where the experiment does not fit the model of its task (a rank too high for
/// every tensor), or `runs` of it at a time, with all workers or `local_workers` of them in this process, do
/// not fit into the memory that is free: known before anything is written.
void check_fits(const Experiment& experiment, const Task& task, std::int64_t runs = 1,
                std::int64_t local_workers = 0);

/// Trains into a run folder: configuration, versions, a line an epoch, summary - also when the run fails, is
/// interrupted, or diverges - and checkpoints, from which `files.resume` goes on bit for bit. Throws what
/// training and the record writer throw; Error (data) for a checkpoint that is damaged or of another
/// experiment, with nothing overwritten. With `processes` it is called in all of them: the leading one alone
/// writes and is asked for `control.record` and `control.progress`, a stop in any of them stops all, and a
/// checkpoint holds all workers, so that any number of processes goes on from it.
RunSummary train_into(const std::string& folder, const Experiment& experiment, std::shared_ptr<TaskData> data,
                      const RunControl& control, const std::string& command, const RunFiles& files = {},
                      Collective* processes = nullptr);

/// Threads that are worth their while: `threads`, or one where a round is so little work that waiting for
/// each other takes longer than working.
std::int64_t useful_threads(const Experiment& experiment, const Task& task, std::int64_t threads);

/// Sets the number of threads that LibTorch uses in this thread; 0: default_threads(). Called
/// before the first LibTorch operation it also makes results independent of that number
/// (MKL's strict reproducibility mode).
void use_threads(std::int64_t threads);

}  // namespace laser
