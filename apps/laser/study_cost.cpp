#include "study_cost.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <iostream>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "laser/core/fail.hpp"
#include "laser/core/machine_limits.hpp"
#include "laser/record/json.hpp"
#include "laser/train/data_cache.hpp"
#include "laser/train/memory_budget.hpp"
#include "laser/train/trainer.hpp"
#include "laser/train/training.hpp"
#include "progress.hpp"

namespace laser {
namespace {

constexpr double kMeasuring = 10;  // seconds of processor time after which no further kind is measured
constexpr double kOneKind = 1;     // of the rounds of one kind
constexpr std::int64_t kMostRounds = 5;
constexpr double kQuickRound = 0.5;  // an evaluation is measured where a round takes no longer

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// What one run of a kind takes.
struct RunCost {
  std::int64_t measured_rounds = 0;
  double round_seconds = 0;
  std::optional<double> evaluation_seconds;
  double evaluations = 0;  // in an epoch
  std::int64_t rounds_per_epoch = 0;
  double memory = 0, checkpoint = 0;  // bytes
};

/// Runs with the same text take the same time a round.
std::string kind_of(const Experiment& experiment) {
  std::string text;
  for (const auto& [name, value] : course_settings(experiment)) {
    static const std::set<std::string> kFree{"power", "snr_db", "learning_rate", "seed", "epochs"};
    if (!kFree.contains(name)) text += name + "=" + value + " ";
  }
  return text;
}

/// The parts of a cost that need no round.
RunCost counted_cost(const Experiment& e, const Task& task) {
  RunCost cost;
  cost.rounds_per_epoch = e.local.rounds(task.rounds_per_epoch());
  cost.evaluations = task.averages() ? 2 : 1;
  cost.memory = total_bytes(memory_budget(e, task, e.workers));
  return cost;
}

void measure(const Experiment& e, Task& task, RunCost& cost) {
  Training training(e, task);
  (void)training.advance();  // memory is touched and libraries are read
  double seconds = 0;
  while (!training.finished() && cost.measured_rounds < kMostRounds && seconds < kOneKind) {
    const double start = processor_seconds();
    const bool evaluated = training.advance().has_value();
    if (evaluated && cost.measured_rounds > 0) break;  // its time is not a round's
    seconds += processor_seconds() - start;
    ++cost.measured_rounds;
  }
  if (cost.measured_rounds == 0) return;
  cost.round_seconds = seconds / static_cast<double>(cost.measured_rounds);
  for (const auto& [name, tensor] : training.state()) cost.checkpoint += static_cast<double>(tensor.nbytes());
  if (cost.round_seconds > kQuickRound) return;
  const auto parameters = training.weights().at("parameters");
  const double start = processor_seconds();
  (void)task.evaluate(parameters, task.statistics());
  cost.evaluation_seconds = processor_seconds() - start;
}

/// Bytes of the files that a completed run of a sweep keeps.
double record_bytes(const Experiment& e) {
  EpochRecord record;
  const double digits = 1.0 / 3;  // as long as any
  for (double* value : {&record.learning_rate, &record.train_loss, &record.test_loss, &record.test_accuracy,
                        &record.ema_accuracy, &record.power, &record.budget_use, &record.symbols})
    *value = digits;
  record.energy.assign(static_cast<std::size_t>(e.workers), digits);
  record.memory_ratio = record.lambda = record.delta = record.noise_energy = digits;
  record.sent_ratio = record.waiting_rounds = digits;
  RunSummary summary;
  summary.configuration = to_map(e);
  constexpr double kBlock = 4096;  // of a file system: three files, and versions.json, which is one
  const auto lines = static_cast<double>(e.epochs) * static_cast<double>(to_json_line(record).size() + 1);
  double bytes = kBlock;
  for (const double size :
       {lines, static_cast<double>(to_toml(e).size()), static_cast<double>(to_json(summary).size())})
    bytes += kBlock * std::ceil(size / kBlock);
  return bytes;
}

std::string bytes_in_words(double bytes) {
  if (bytes >= 1e9) return fmt::format("{:.1f} GB", bytes / 1e9);
  return bytes >= 1e6 ? fmt::format("{:.0f} MB", bytes / 1e6) : fmt::format("{:.0f} kB", bytes / 1e3);
}

std::string told_cost(const std::vector<Job>& jobs, std::int64_t parallel) {
  std::map<std::string, RunCost> kinds;
  std::vector<const RunCost*> costs;  // of each job
  DataCache data;
  use_threads(1);
  const double begin = processor_seconds();
  double memory = 0, checkpoint = 0, records = 0;
  std::int64_t rounds = 0, measured = 0, measured_rounds = 0;
  double round_sum = 0;  // over the kinds that were measured
  bool evaluated = true;
  for (const auto& job : jobs) {
    const auto& e = job.experiment;
    records += record_bytes(e);
    const auto [at, added] = kinds.try_emplace(kind_of(e));
    auto& cost = at->second;
    costs.push_back(&cost);
    if (added) {
      const auto task = make_task(data.get(e), task_options(e));
      cost = counted_cost(e, *task);
      if (measured == 0 || processor_seconds() - begin < kMeasuring) measure(e, *task, cost);
      if (cost.measured_rounds > 0) {
        ++measured;
        measured_rounds += cost.measured_rounds;
        round_sum += cost.round_seconds;
        evaluated = evaluated && cost.evaluation_seconds;
      }
      memory = std::max(memory, cost.memory);
      checkpoint = std::max(checkpoint, cost.checkpoint);
    }
    rounds += e.epochs * cost.rounds_per_epoch;
  }
  const auto at_once =
      static_cast<double>(std::min<std::int64_t>(parallel, static_cast<std::int64_t>(jobs.size())));
  std::string time = "unknown, because no run has a second round";
  if (measured > 0) {
    double seconds = 0;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const auto& cost = *costs[i];
      const auto epochs = static_cast<double>(jobs[i].experiment.epochs);
      const double round =
          cost.measured_rounds > 0 ? cost.round_seconds : round_sum / static_cast<double>(measured);
      seconds += epochs * (static_cast<double>(cost.rounds_per_epoch) * round +
                           cost.evaluations * cost.evaluation_seconds.value_or(0));
    }
    time = fmt::format("about {} on one core, {} with {:.0f} run{} at once on as many idle cores",
                       duration_text(seconds), duration_text(seconds / at_once), at_once,
                       at_once > 1 ? "s" : "");
  }
  return fmt::format(
      "runs       {}, {} rounds in all\n"
      "time       {}\n"
      "           measured: {} rounds of {} of {} kinds of runs{}\n"
      "memory     {} with {:.0f} at once, of which the program and its data have {}\n"
      "disk       {} of records; checkpoints of up to {} while runs go on\n",
      jobs.size(), rounds, time, measured_rounds, measured, kinds.size(),
      evaluated ? ", and their evaluations" : "; evaluations come on top",
      bytes_in_words(resident_memory() + at_once * memory), at_once, bytes_in_words(resident_memory()),
      bytes_in_words(records), bytes_in_words(at_once * checkpoint));
}

}  // namespace

std::string study_cost(const std::vector<Job>& jobs, std::int64_t parallel) {
  try {
    return told_cost(jobs, parallel > 0 ? parallel : usable_cores());
  } catch (const Error& error) {
    return fmt::format("runs       {}\ntime, memory and disk can't be told: {}\n", jobs.size(), error.what());
  }
}

void print_dry_run(const std::vector<Job>& jobs, const std::string& names, const SweepOptions& options,
                   bool quiet) {
  if (!quiet) std::cerr << study_cost(jobs, options.parallel) << std::flush;
  std::cout << names;
}

std::string names_of_jobs(const std::vector<Job>& jobs, const std::string& prefix) {
  std::string text;
  for (const auto& job : jobs) text += prefix + job.name + "\n";
  return text;
}

std::vector<Job> with_reported(std::vector<Job> choosing, std::int64_t seeds) {
  std::vector<Job> reported;
  std::set<std::pair<std::string, double>> known;
  for (const auto& job : choosing) {
    if (!known.emplace(job.experiment.method, job.experiment.power).second) continue;
    reported.insert(reported.end(), static_cast<std::size_t>(seeds), job);
  }
  choosing.insert(choosing.end(), reported.begin(), reported.end());
  return choosing;
}

}  // namespace laser
