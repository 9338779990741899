#include "laser/train/sweep.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "laser/core/fail.hpp"
#include "laser/core/machine_limits.hpp"
#include "laser/core/number_range.hpp"
#include "laser/record/reader.hpp"
#include "laser/train/data_cache.hpp"
#include "laser/train/sweep_journal.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;

/// Bytes of a folder's name, of which file systems allow 255, before the hash that makes it unique.
constexpr std::size_t kLongestName = 200;

/// A value as part of a folder name.
std::string name_part(const std::string& value) {
  std::string part;
  for (const char c : value) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
    part += plain ? c : '_';
  }
  return part;
}

std::string job_name(const Experiment& experiment, const std::vector<Axis>& axes) {
  auto copy = experiment;
  OptionList list;
  describe(list, copy);
  std::string name;
  for (const auto& axis : axes) {
    const auto& option = list.find(axis.key);
    if (axis.values.size() < 2 || !option.used()) continue;
    const auto value = name_part(option.get());
    name += (axis.key == "method" ? value : axis.key + "-" + value) + "_";
  }
  if (name.size() > kLongestName) name = name.substr(0, kLongestName - 1) + "_";
  return name + experiment_hash(experiment).substr(0, 8);
}

/// All combinations of the axes' values, the last axis fastest.
std::vector<Settings> combinations(const Settings& base, const std::vector<Axis>& axes) {
  std::vector<Settings> all{base};
  for (const auto& axis : axes) {
    std::vector<Settings> wider;
    for (const auto& settings : all) {
      for (const auto& value : axis.values) {
        wider.push_back(settings);
        wider.back().emplace_back(axis.key, value);
      }
    }
    all = std::move(wider);
  }
  return all;
}

/// The summary of a run that needs no more work: it completed or diverged.
std::optional<RunSummary> settled(const fs::path& folder) {
  if (!fs::exists(folder / "summary.json")) return {};
  auto summary = read_run(folder.string()).summary;
  if (summary.status == "completed" || summary.status == "failed") return summary;
  return {};
}

/// Whether a run has begun and its records are there, so that it can go on.
bool can_go_on(const fs::path& folder) {
  return fs::exists(folder / "config.toml") && fs::exists(folder / "metrics.jsonl");
}

/// Removes what is left of a run that can't go on (one whose files were taken away): only the files
/// that a run writes.
void clear_unfinished(const fs::path& folder) {
  for (const char* file :
       {"config.toml", "versions.json", "metrics.jsonl", "summary.json", "checkpoint.safetensors"}) {
    std::error_code ignored;
    fs::remove(folder / file, ignored);
  }
}

/// The shared state of a sweep under way.
class Sweep {
 public:
  Sweep(const std::vector<Job>& jobs, const SweepOptions& options)
      : jobs_(jobs), options_(options), done_(jobs.size(), 0.0) {}

  SweepResult run(std::int64_t parallel) {
    for (const auto& job : jobs_)
      check_fits(job.experiment, *make_task(data_.get(job.experiment), task_options(job.experiment)),
                 parallel);
    journal_.emplace(options_.folder, grid(),
                     start());  // nothing is written before all jobs are known to fit
    std::vector<std::thread> threads;
    for (std::int64_t i = 0; i < parallel; ++i) threads.emplace_back([this] { work(); });
    for (auto& thread : threads) thread.join();
    if (problem_) std::rethrow_exception(problem_);
    result_.interrupted = options_.stop && options_.stop() &&
                          result_.completed + static_cast<std::int64_t>(result_.failures.size()) <
                              static_cast<std::int64_t>(jobs_.size());
    return result_;
  }

 private:
  [[nodiscard]] std::map<std::string, std::string> grid() const {
    std::map<std::string, std::string> hashes;
    for (const auto& job : jobs_) hashes[job.name] = experiment_hash(job.experiment);
    return hashes;
  }

  [[nodiscard]] SweepJournal::Start start() const {
    if (options_.extend) return SweepJournal::Start::kExtend;
    return options_.resume ? SweepJournal::Start::kResume : SweepJournal::Start::kNew;
  }

  void work() {
    try {
      for (auto j = next_++; j < jobs_.size() && !stopping(); j = next_++) run_job(j);
    } catch (...) {  // not the job's fault (disk full, missing data): ends the sweep
      const std::scoped_lock lock(mutex_);
      if (!problem_) problem_ = std::current_exception();
      failed_ = true;
    }
  }

  bool stopping() { return failed_ || (options_.stop && options_.stop()); }

  void run_job(std::size_t j) {
    const auto& job = jobs_[j];
    const auto folder = fs::path(options_.folder) / job.name;
    const bool resume = options_.resume || options_.extend;
    RunFiles files;
    files.checkpoint_rounds = options_.checkpoint_rounds;
    files.weights = false;
    files.keep_state = false;
    if (resume) {
      if (const auto summary = settled(folder)) {
        return finish(j, true, summary->status == "failed" ? summary->reason : "");
      }
      files.resume = can_go_on(folder);
      if (!files.resume) clear_unfinished(folder);
    }
    journal_->note(job.name, files.resume ? "resumed" : "started");
    use_threads(std::max<std::int64_t>(job.experiment.threads, 1));
    RunControl control;
    control.stop = [this] { return stopping(); };
    control.progress = [this, j](const Progress& p) {
      report(j, static_cast<double>(p.rounds_done) / static_cast<double>(p.rounds));
    };
    try {
      const auto summary = train_into(folder.string(), job.experiment, data_.get(job.experiment), control,
                                      options_.command, files);
      journal_->note(job.name, summary.status);
      if (summary.status == "completed") finish(j, false, "");
    } catch (const Error& error) {
      journal_->note(job.name, "failed", error.what());
      if (error.code() != ExitCode::kNonFinite) throw;
      finish(j, false, error.what());
      if (options_.fail_fast) failed_ = true;
    }
  }

  void finish(std::size_t j, bool found, const std::string& failure) {
    {
      const std::scoped_lock lock(mutex_);
      ++runs_done_;
      if (failure.empty()) ++result_.completed;
      if (!failure.empty()) result_.failures.push_back(jobs_[j].name + ": " + failure);
      if (found) ++result_.found;
    }
    report(j, 1.0);
  }

  void report(std::size_t j, double fraction) {
    if (!options_.progress) return;
    const std::scoped_lock lock(mutex_);
    total_ += fraction - done_[j];
    done_[j] = fraction;
    options_.progress(total_, runs_done_, static_cast<std::int64_t>(jobs_.size()));
  }

  const std::vector<Job>& jobs_;
  const SweepOptions& options_;
  std::optional<SweepJournal> journal_;
  DataCache data_;
  std::mutex mutex_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> failed_{false};
  std::exception_ptr problem_;
  std::vector<double> done_;
  double total_ = 0;
  std::int64_t runs_done_ = 0;
  SweepResult result_;
};

}  // namespace

Axis parse_axis(const std::string& text) {
  const auto [key, value] = parse_assignment(text);
  if (value.find(':') != value.npos && value.find_first_not_of("0123456789.eE+-:,login") == value.npos) {
    Axis range{key, {}};
    for (const double number : read_numbers(key, value))
      range.values.push_back(fmt::format("{:.6g}", number));
    return range;
  }
  Axis axis{key, {""}};
  int depth = 0;
  for (const char c : value) {
    depth += c == '[' ? 1 : c == ']' ? -1 : 0;
    if (c == ',' && depth == 0) {
      axis.values.emplace_back();
    } else {
      axis.values.back() += c;
    }
  }
  for (const auto& item : axis.values) {
    if (item.empty() && axis.values.size() > 1) {
      fail(ExitCode::kUsage, "'{}' has an empty value between its commas", text);
    }
  }
  return axis;
}

std::vector<Job> make_jobs(const Settings& base, const std::vector<Axis>& axes) {
  return make_jobs(base, std::vector<std::vector<Axis>>{axes});
}

std::vector<Job> make_jobs(const Settings& base, const std::vector<std::vector<Axis>>& grids) {
  std::vector<Settings> all;
  std::vector<Axis> axes;  // of all grids, for the names
  for (const auto& grid : grids) {
    for (auto& settings : combinations(base, grid)) all.push_back(std::move(settings));
    for (const auto& axis : grid) {
      const auto same = [&](const Axis& other) { return other.key == axis.key; };
      const auto known = std::find_if(axes.begin(), axes.end(), same);
      if (known == axes.end()) {
        axes.push_back(axis);
        continue;
      }
      for (const auto& value : axis.values) {
        auto& values = known->values;
        if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
      }
    }
  }
  // Names begin with the method and end with the seed, whatever the order of the runs.
  std::stable_partition(axes.begin(), axes.end(), [](const Axis& axis) { return axis.key == "method"; });
  std::stable_partition(axes.begin(), axes.end(), [](const Axis& axis) { return axis.key != "seed"; });
  std::vector<Job> jobs;
  std::set<std::string> known;
  for (const auto& settings : all) {
    Job job{{}, resolve(settings)};
    if (!known.insert(experiment_hash(job.experiment)).second) continue;
    job.name = job_name(job.experiment, axes);
    jobs.push_back(std::move(job));
  }
  return jobs;
}

Job make_job(const Settings& settings, const std::string& prefix) {
  auto experiment = resolve(settings);
  auto name = prefix + "_" + experiment_hash(experiment).substr(0, 8);
  return {std::move(name), std::move(experiment)};
}

SweepResult run_sweep(const std::vector<Job>& jobs, const SweepOptions& options) {
  std::int64_t parallel = options.parallel;
  if (parallel == 0) {
    std::int64_t threads = 1;
    for (const auto& job : jobs) threads = std::max(threads, job.experiment.threads);
    parallel = std::max<std::int64_t>(1, usable_cores() / threads);
  }
  return Sweep(jobs, options).run(std::min(parallel, static_cast<std::int64_t>(jobs.size())));
}

}  // namespace laser
