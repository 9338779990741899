#include "laser/train/trainer.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <tuple>

#include "laser/channel/channel.hpp"
#include "laser/core/atomic_file.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/input_file.hpp"
#include "laser/core/machine_limits.hpp"
#include "laser/record/writer.hpp"
#include "laser/train/checkpoint.hpp"
#include "laser/train/memory_budget.hpp"
#include "laser/train/training.hpp"
#include "laser/train/versions.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr const char* kFormat = "laser checkpoint 2";

/// The files of one run beside its records.
class Saver {
 public:
  Saver(std::string folder, const Experiment& experiment, const RunFiles& files)
      : folder_(std::move(folder)),
        hash_(experiment_hash(experiment)),
        course_(course_hash(experiment)),
        files_(files) {}

  /// Restores the run where there is a checkpoint. Returns how far metrics.jsonl was then, and the seconds of
  /// training until then.
  std::pair<std::int64_t, double> restore(Training& training) {
    if (!is_there(path())) return {0, 0.0};
    const auto checkpoint = read_checkpoint(path());
    const auto text = [&](const char* name) {
      const auto found = checkpoint.texts.find(name);
      return found == checkpoint.texts.end() ? std::string() : found->second;
    };
    if (text("format") != kFormat)
      fail(ExitCode::kData,
           "{}: not a checkpoint of this version. HINT: go on with the version that wrote it, or start anew "
           "in another folder",
           path());
    if (text("experiment") != course_) {
      fail(ExitCode::kData,
           "{}: belongs to another experiment. HINT: config.toml was changed; start anew in "
           "another folder",
           path());
    }
    try {
      training.load_state(checkpoint.tensors);
    } catch (const Error& error) {
      throw Error(error.code(), path() + ": " + error.what());
    }
    best_ = training.summary().best_ema_accuracy;
    return {std::strtoll(text("metrics_bytes").c_str(), nullptr, 10),
            std::strtod(text("seconds").c_str(), nullptr)};
  }

  /// Whether a checkpoint is due after this round.
  [[nodiscard]] bool due(const Training& training) const {
    constexpr double kInterval = 60;  // seconds
    if (files_.checkpoint_rounds > 0) return training.rounds_done() % files_.checkpoint_rounds == 0;
    return seconds_since(last_) > kInterval;
  }

  void save(const NamedTensors& state, RunWriter& writer, double seconds) {
    // The checkpoint promises that the lines before it are on the disk.
    const auto bytes = writer.synchronise();
    write_checkpoint(path(), {state,
                              {{"format", kFormat},
                               {"experiment", course_},
                               {"metrics_bytes", std::to_string(bytes)},
                               {"seconds", fmt::format("{}", seconds)}}});
    last_ = Clock::now();
  }

  /// After an evaluation.
  void keep_best(const Training& training, const EpochRecord& record) {
    if (!files_.weights || !(record.ema_accuracy > best_)) return;  // NaN: there is no accuracy
    best_ = record.ema_accuracy;
    write_checkpoint(folder_ + "/best.safetensors", {training.weights(), {{"experiment", hash_}}});
  }

  /// After the last round.
  void complete(const Training& training) {
    if (files_.weights)
      write_checkpoint(folder_ + "/weights.safetensors", {training.weights(), {{"experiment", hash_}}});
  }

  /// Once the summary is written.
  void remove_checkpoint() {
    std::error_code ignored;
    fs::remove(path(), ignored);
  }

 private:
  [[nodiscard]] std::string path() const { return folder_ + "/checkpoint.safetensors"; }

  std::string folder_;
  std::string hash_;
  std::string course_;  // what a checkpoint belongs to: a run of any number of epochs
  RunFiles files_;
  double best_ = -1;
  Clock::time_point last_ = Clock::now();
};

/// Goes through the rounds that are left; false when it was stopped.
template <class AfterRound>
bool run(Training& training, const RunControl& control, AfterRound after_round) {
  while (!training.finished()) {
    const auto record = training.advance();
    if (record && control.record) control.record(*record);
    after_round();
    if (control.progress) control.progress({training.rounds_done(), training.rounds(), training.result()});
    if (control.stop && control.stop() && !training.finished()) return false;
  }
  return true;
}

}  // namespace

TaskOptions task_options(const Experiment& e, const Collective* processes) {
  TaskOptions options;
  if (processes != nullptr) {
    options.first_worker = processes->first_worker();
    options.local_workers = processes->local_workers();
  }
  options.name = e.task;
  options.data = e.data;
  options.model = e.model;
  options.data_dir = e.data_dir;
  options.verify_data = e.verify_data;
  options.workers = e.workers;
  options.batch_size = e.batch_size;
  options.seed = static_cast<std::uint64_t>(e.seed);
  options.shards = e.shards;
  // Rounded up, an epoch goes on into the next one's batches
  options.epochs = e.epochs * (e.local.steps + 1);
  options.width = e.width;
  options.hidden.assign(e.hidden.begin(), e.hidden.end());
  options.image_size = e.image_size;
  options.augment = e.augment;
  options.train_images = e.train_images;
  options.test_images = e.test_images;
  options.precision = e.precision;
  options.device = e.device;
  options.language = e.language;
  return options;
}

RunSummary train(const Experiment& e, Task& task, const RunControl& control) {
  const auto start = Clock::now();
  Training training(e, task);
  run(training, control, [] {});
  auto summary = training.summary();
  summary.seconds = seconds_since(start);
  return summary;
}

void check_fits(const Experiment& experiment, const Task& task, std::int64_t runs,
                std::int64_t local_workers) {
  make_compressor(experiment.algorithm.compressor)->check(task.layout());
  const auto here = local_workers > 0 ? local_workers : experiment.workers;
  check_memory(memory_budget(experiment, task, here), runs, available_memory());
}

RunSummary train_into(const std::string& folder, const Experiment& experiment, std::shared_ptr<TaskData> data,
                      const RunControl& control, const std::string& command, const RunFiles& files,
                      Collective* processes) {
  const auto task = make_task(std::move(data), task_options(experiment, processes));
  check_fits(experiment, *task, 1, processes == nullptr ? 0 : processes->local_workers());
  Training training(experiment, *task, processes);
  const bool leads = processes == nullptr || processes->leads();
  // Whether any process says so.
  const auto any = [&](bool own) { return processes == nullptr ? own : largest(*processes, own) > 0; };
  Saver saver(folder, experiment, files);
  double before = 0;                // seconds of earlier processes
  std::optional<RunWriter> writer;  // of the leading process
  if (files.resume) {
    std::int64_t bytes = 0;
    std::tie(bytes, before) = saver.restore(training);
    if (leads) writer.emplace(folder, bytes);
    if (leads && files.other_epochs) {
      // In this order: a run without a summary goes on, whichever number of epochs its configuration says.
      fs::remove(folder + "/summary.json");
      write_file_atomically(folder + "/config.toml", to_toml(experiment));
    }
  } else if (leads) {
    auto facts = versions(experiment, command);
    facts.merge(task->facts());
    if (const auto& trace = experiment.algorithm.link.trace) {
      facts["gains"] = trace->name;
      facts["gains_sha256"] = trace->sha256;
    }
    writer.emplace(folder, to_toml(experiment), facts);
  }
  const auto start = Clock::now();
  const auto finish = [&](RunSummary summary) {
    summary.method = experiment.method;
    summary.task = experiment.task;
    if (channel_traits(experiment.algorithm.channel).noisy) summary.power = experiment.power;
    summary.seed = static_cast<std::uint64_t>(experiment.seed);
    summary.configuration = to_map(experiment);
    summary.seconds = before + seconds_since(start);
    if (leads) writer->finish(summary);
    return summary;
  };
  const auto save = [&] {
    const auto state = training.state();
    if (leads) saver.save(state, *writer, before + seconds_since(start));
  };
  RunControl recording = control;
  recording.stop = [&] { return any(control.stop && control.stop()); };
  if (!leads) recording.progress = {};
  recording.record = [&](const EpochRecord& record) {
    if (!leads) return;
    writer->append(record);
    saver.keep_best(training, record);
    if (control.record) control.record(record);
  };
  try {
    const bool completed = run(training, recording, [&] {
      if (!training.finished() && any(leads && saver.due(training))) save();
    });
    if (!completed || files.keep_state) save();
    if (completed && leads) saver.complete(training);
    auto summary = finish(training.summary());
    if (completed && leads && !files.keep_state) saver.remove_checkpoint();
    return summary;
  } catch (const Error& error) {
    // Only a run that diverged is at its end: what the user can mend (a full disk) leaves one that goes on.
    auto summary = training.summary();
    summary.status = error.code() == ExitCode::kNonFinite ? "failed" : "interrupted";
    summary.reason = error.what();
    try {
      finish(summary);
    } catch (const Error&) {  // the first error says more
    }
    throw;
  }
}

std::int64_t useful_threads(const Experiment& e, const Task& task, std::int64_t threads) {
  constexpr double kTiny = 2e6;  // multiplications, some 0.2 ms
  const auto work = static_cast<double>(e.workers) * static_cast<double>(e.batch_size) *
                    static_cast<double>(task.layout().size);
  return work < kTiny ? 1 : threads;
}

void use_threads(std::int64_t threads) {
  // MKL, LibTorch's BLAS on x86, adds up in an order that depends on the number of threads unless told not
  // to. It reads this at its first call; a user's own choice is respected.
  setenv("MKL_CBWR", "AUTO,STRICT", 0);
  at::set_num_threads(static_cast<int>(threads > 0 ? threads : default_threads()));
}

}  // namespace laser
