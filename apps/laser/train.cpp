// laser train CONFIG.toml [key=value ...] [--out DIR] [--json], alone or under mpirun
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <thread>

#include "commands.hpp"
#include "laser/collective/mpi/job.hpp"
#include "laser/core/error.hpp"
#include "laser/core/unexpected.hpp"
#include "laser/record/json.hpp"
#include "laser/record/reader.hpp"
#include "laser/train/memory_budget.hpp"
#include "laser/train/trainer.hpp"
#include "laser/train/training.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "signals.hpp"

namespace laser {
namespace {

struct TrainArguments {
  std::vector<std::string> items;
  std::string out;
  std::string resume;
  std::int64_t checkpoint_rounds = 0;
  bool json = false;
  bool quiet = false;
  bool dry_run = false;
};

void print_result(const RunSummary& s, const std::string& folder) {
  std::cout << fmt::format("status              {}\n", s.status);
  if (s.perplexity) {
    std::cout << fmt::format(
        "perplexity          {:.2f}   on random batches of the validation text after {} rounds\n",
        *s.perplexity, s.rounds);
    if (s.split_perplexity)
      std::cout << fmt::format("                    {:.2f}   over the whole validation text\n",
                               *s.split_perplexity);
  } else if (s.epochs > 0) {
    std::cout
        << fmt::format("test accuracy       {:.2f} %   raw weights after {} epochs\n", s.final_accuracy,
                       s.epochs)
        << fmt::format(
               "                    {:.2f} %   best epoch of the averaged weights (the paper's metric)\n",
               s.best_ema_accuracy);
  }
  std::cout << fmt::format(
      "channel uses        {:.1f} per worker and round ({:.1f} x fewer than the {:.0f} parameters)\n",
      s.symbols_per_round, s.dense_symbols / std::max(s.symbols_per_round, 1.0), s.dense_symbols);
  if (s.power)
    std::cout << fmt::format("power budget used   {:.4f} at most, of every worker and round\n", s.budget_use);
  std::cout << fmt::format("time                {:.2f} s for {} rounds\n", s.seconds, s.rounds)
            << fmt::format("weights             {}\n", s.weights_hash)
            << fmt::format("records             {}\n", folder);
}

/// The settings of the run in a folder, or as given.
Settings settings_of(const TrainArguments& arguments) {
  if (arguments.resume.empty()) return read_arguments(arguments.items);
  if (!arguments.items.empty() || !arguments.out.empty()) {
    fail(ExitCode::kUsage, "--resume takes all settings from {}. HINT: leave out the others",
         arguments.resume);
  }
  const auto run = read_run(arguments.resume);
  if (run.summary.status == "completed" || run.summary.status == "failed") {
    fail(ExitCode::kUsage, "the run in {} has {}: nothing is left to do", arguments.resume,
         run.summary.status);
  }
  return read_settings(arguments.resume + "/config.toml");
}

/// Cores of this machine for each of the ranks on it, unless the user says how many.
std::int64_t threads_of(const Experiment& experiment, const MpiJob* job) {
  if (job == nullptr || experiment.threads > 0) return experiment.threads;
  return std::max<std::int64_t>(1, std::thread::hardware_concurrency() / job->ranks_here());
}

/// What to expect of a run that ends before its error memory has settled; empty where it has time.
std::string lag_note(const Experiment& experiment, const Task& task) {
  constexpr double kSettled = 10;  // lags
  const auto lag = memory_lag(experiment, task.layout());
  const auto rounds = static_cast<double>(task.rounds_per_epoch() * experiment.epochs);
  if (!lag || rounds >= kSettled * *lag) return "";
  return fmt::format(
      "note: the error memory lags up to {:.0f} rounds; this run has {:.0f} ({:.1f} lags) and is judged in "
      "its "
      "transient. A higher rank, transport=two_phase or more rounds shorten it.\n\n",
      *lag, rounds, rounds / *lag);
}

/// `job`: of MPI, where there is one.
void train_here(const TrainArguments& arguments, CommandLine& line, MpiJob* job) {
  const bool leads = job == nullptr || job->rank() == 0;  // prints and writes for all
  const auto experiment = resolve(settings_of(arguments));
  if (arguments.dry_run) {
    if (leads) std::cout << to_toml(experiment);
    return;
  }
  const auto processes = job == nullptr ? nullptr : job->share(experiment.workers);
  RunFiles files;
  files.checkpoint_rounds = arguments.checkpoint_rounds;
  files.resume = !arguments.resume.empty();
  auto folder = files.resume ? arguments.resume : arguments.out;
  if (folder.empty()) folder = fresh_folder(experiment.method + "-" + experiment.task);
  use_threads(threads_of(experiment, job));
  if (!arguments.quiet && leads) std::cerr << legend(experiment) << '\n';
  const auto data = load_task_data(task_options(experiment));
  if (!arguments.quiet && leads) {
    const auto task = make_task(data, task_options(experiment, processes.get()));
    const auto here = processes == nullptr ? experiment.workers : processes->local_workers();
    std::cerr << memory_legend(memory_budget(experiment, *task, here)) << '\n' << lag_note(experiment, *task);
  }
  ProgressLine progress(experiment.method, arguments.quiet || !leads);
  RunControl control;
  control.stop = [] { return stop_signal() != 0; };
  control.progress = [&](const Progress& p) {
    progress.show(static_cast<double>(p.rounds_done), static_cast<double>(p.rounds), p.result);
  };
  const auto summary = train_into(folder, experiment, data, control, line.text, files, processes.get());
  progress.clear();
  if (summary.status == "interrupted") {  // by a signal that may have reached another rank only
    const double own = stop_signal();
    line.exit_code = 128 + static_cast<int>(processes ? largest(*processes, own) : own);
  }
  if (!leads) return;
  if (arguments.json) {
    std::cout << to_json(summary);
  } else {
    print_result(summary, folder);
  }
  if (summary.status == "interrupted") {
    std::cerr << fmt::format("laser: interrupted after round {}. HINT: laser train --resume {}   goes on\n",
                             summary.rounds, folder);
  }
}

/// Under mpirun: ranks that fail alike end alike, and the first of them says why; one that fails alone says
/// so and ends the others.
void train_as_rank(const TrainArguments& arguments, CommandLine& line, MpiJob& job) {
  const auto alone = [&](const std::string& text, int code) {
    std::cerr << fmt::format("laser: rank {}: {}\n", job.rank(), text);
    job.abort(code);
  };
  try {
    train_here(arguments, line, &job);
  } catch (const Error& error) {
    const auto code = static_cast<int>(error.code());
    if (!job.together()) alone(error.what(), code);
    if (job.rank() == 0) throw;
    line.exit_code = code;
  } catch (const std::exception& error) {
    alone(unexpected_text(error), static_cast<int>(ExitCode::kBug));
  }
}

void run_train(const TrainArguments& arguments, CommandLine& line) {
  if (!started_by_mpi()) return train_here(arguments, line, nullptr);
  const auto job = connect_to_mpi();
  train_as_rank(arguments, line, *job);
}

}  // namespace

void add_train(CLI::App& app, CommandLine& line) {
  auto arguments = std::make_shared<TrainArguments>();
  auto* command = app.add_subcommand("train", "Train one model over the air");
  command
      ->add_option("settings", arguments->items,
                   "a configuration file, and settings that override it (both optional)")
      ->option_text("[CONFIG.toml] [key=value ...]");
  command->add_option("--out", arguments->out, "folder for the records (default: a new one under runs/)");
  command->add_option("--resume", arguments->resume,
                      "go on with the run in this folder, from its last checkpoint");
  command
      ->add_option("--checkpoint-every", arguments->checkpoint_rounds,
                   "rounds between checkpoints (default: one a minute)")
      ->check(CLI::PositiveNumber);
  command->add_flag("--json", arguments->json, "print the summary as JSON");
  command->add_flag("--quiet", arguments->quiet, "no legend, no progress");
  command->add_flag("--dry-run", arguments->dry_run, "print the resolved configuration and stop");
  command->footer(option_help());
  command->callback([arguments, &line] { run_train(*arguments, line); });
}

}  // namespace laser
