// laser train CONFIG.toml [key=value ...] [--out DIR] [--json], alone or under mpirun
#include <ATen/Parallel.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>

#include "command_tree.hpp"
#include "commands.hpp"
#include "help.hpp"
#include "laser/collective/mpi/job.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/input_file.hpp"
#include "laser/core/machine_limits.hpp"
#include "laser/core/memory.hpp"
#include "laser/core/unexpected.hpp"
#include "laser/record/json.hpp"
#include "laser/record/reader.hpp"
#include "laser/record/writer.hpp"
#include "laser/train/notes.hpp"
#include "laser/train/trainer.hpp"
#include "laser/train/training.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "signals.hpp"
#include "start_lines.hpp"

namespace laser {
namespace {

struct TrainArguments {
  std::vector<std::string> items;
  std::string out;
  std::string resume;
  std::int64_t checkpoint_rounds = 0;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool dry_run = false;
  bool drop_checkpoint = false;
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

/// The experiment of the run in a folder, with more epochs or another machine where that is asked for.
Experiment resumed(const TrainArguments& arguments, RunFiles& files) {
  const auto& folder = arguments.resume;
  if (!arguments.out.empty()) fail(ExitCode::kUsage, "--resume goes on in {}. HINT: leave out --out", folder);
  const auto run = read_run(folder);
  auto settings = read_settings(folder + "/config.toml");
  const auto before = resolve(settings);
  for (const auto& item : arguments.items) {
    const auto setting = parse_assignment(item);
    if (setting.first != "epochs" && !is_machine_setting(setting.first)) {
      fail(ExitCode::kUsage,
           "--resume takes '{}' from {}. HINT: only epochs, threads, device, data_dir and verify_data can be "
           "given anew",
           setting.first, folder);
    }
    settings.push_back(setting);
  }
  auto experiment = resolve(settings);
  const auto& status = run.summary.status;
  if (status == "failed") fail(ExitCode::kUsage, "the run in {} has failed: nothing is left to do", folder);
  if (status == "completed" && experiment.epochs == before.epochs) {
    fail(ExitCode::kUsage,
         "the run in {} has completed: nothing is left to do. HINT: 'laser train --resume {} epochs={}' "
         "trains it longer",
         folder, folder, 2 * before.epochs);
  }
  if (experiment.epochs == before.epochs) return experiment;
  if (depends_on_epochs(before)) {
    fail(
        ExitCode::kUsage,
        "the run in {} is one of {} epochs from its first round on ({}): it can't be made longer or shorter. "
        "HINT: 'laser train {}/config.toml epochs={}' trains a new one",
        folder, before.epochs,
        before.schedule == "one_cycle" ? "schedule = one_cycle" : "power_policy = " + before.power_policy,
        folder, experiment.epochs);
  }
  const auto done = run.epochs.empty() ? 0 : run.epochs.back().epoch;
  if (experiment.epochs <= done) {
    fail(ExitCode::kUsage, "the run in {} has done {} epochs already. HINT: epochs={} or more", folder, done,
         done + 1);
  }
  if (status == "completed" && !is_there(folder + "/checkpoint.safetensors")) {
    fail(ExitCode::kUsage,
         "the run in {} has completed and kept no checkpoint to go on from, as the runs of a sweep do not. "
         "HINT: 'laser train {}/config.toml epochs={}' trains it from the start",
         folder, folder, experiment.epochs);
  }
  files.other_epochs = true;
  return experiment;
}

/// Threads of this process; 0: by default.
std::int64_t threads_of(const Experiment& experiment, const MpiJob* job) {
  if (job == nullptr || experiment.threads > 0) return experiment.threads;
  return default_threads(job->ranks_here());
}

/// `job`: of MPI, where there is one.
void train_here(const TrainArguments& arguments, CommandLine& line, MpiJob* job) {
  const bool leads = job == nullptr || job->rank() == 0;  // prints and writes for all
  RunFiles files;
  files.checkpoint_rounds = arguments.checkpoint_rounds;
  files.keep_state = !arguments.drop_checkpoint;
  files.resume = !arguments.resume.empty();
  const auto settings = files.resume ? Settings() : read_arguments(arguments.items);
  const auto experiment = files.resume ? resumed(arguments, files) : resolve(settings);
  if (arguments.dry_run) {
    if (leads) std::cout << to_toml(experiment);
    return;
  }
  if (job == nullptr && !arguments.out.empty()) check_free(arguments.out);  // known before data are read
  const auto processes = job == nullptr ? nullptr : job->share(experiment.workers);
  use_threads(threads_of(experiment, job));
  const auto data = load_task_data(task_options(experiment));
  {
    release_freed_memory();
    const double held = resident_memory();
    const auto task = make_task(data, task_options(experiment, processes.get()));
    if (experiment.threads == 0) use_threads(useful_threads(experiment, *task, threads_of(experiment, job)));
    const auto workers = processes == nullptr ? experiment.workers : processes->local_workers();
    if (job == nullptr) check_fits(experiment, *task);  // an error comes before what a run says
    if (!arguments.quiet && leads) {
      std::cerr << (arguments.verbose ? verbose_start(experiment, *task, held, workers)
                                      : start_lines(experiment, *task))
                << '\n';
    }
    // A file may serve several methods: what it says in vain is no surprise to those who want it quiet.
    Settings typed;
    for (const auto& item : arguments.items)
      if (is_assignment(item)) typed.push_back(parse_assignment(item));
    for (const auto& note : notes_on(arguments.quiet ? typed : settings, experiment, *task))
      if (leads) std::cerr << "laser: note: " << note << '\n';
  }
  std::optional<FreshFolder> fresh;
  auto folder = files.resume ? arguments.resume : arguments.out;
  if (folder.empty() && leads) folder = fresh.emplace(experiment.method + "-" + experiment.task).path();
  ProgressLine progress(experiment.method, arguments.quiet || !leads);
  RunControl control;
  control.stop = [] { return stop_signal() != 0; };
  std::string latest;  // of the last epoch
  control.record = [&](const EpochRecord& r) {
    latest = r.perplexity ? fmt::format("perplexity {:.1f}", *r.perplexity)
                          : fmt::format("accuracy {:.2f} %", r.test_accuracy);
    latest += fmt::format(", loss {:.3g}", r.train_loss);
    if (r.lambda) latest += fmt::format(", lambda {:.2g}", *r.lambda);
  };
  control.progress = [&](const Progress& p) {
    progress.show(static_cast<double>(p.rounds_done), static_cast<double>(p.rounds),
                  latest.empty() ? p.result : latest);
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
  catch_stop_signals();
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
  command->add_option(
      "--resume", arguments->resume,
      "go on with the run in this folder, from its last checkpoint; epochs=N trains it longer");
  command
      ->add_option("--checkpoint-every", arguments->checkpoint_rounds,
                   "rounds between checkpoints (default: one a minute)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000000000}))
      ->group(kRareOptions);
  command
      ->add_flag("--drop-checkpoint", arguments->drop_checkpoint,
                 "remove the checkpoint of a run that completes: it can't be trained longer then")
      ->group(kRareOptions);
  command->add_flag("--json", arguments->json, "print the summary as JSON");
  command->add_flag("--verbose", arguments->verbose,
                    "before the first round all settings with their sentences, the data and the memory");
  command->add_flag("--quiet", arguments->quiet, "nothing before the first round, no progress");
  command->add_flag("--dry-run", arguments->dry_run, "print the resolved configuration and stop");
  add_all_flag(*command);
  command->callback([arguments, &line] { run_train(*arguments, line); });
}

}  // namespace laser
