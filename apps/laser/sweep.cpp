// laser sweep CONFIG.toml key=v1,v2,... [key=...] --out DIR [--jobs N]
#include "laser/train/sweep.hpp"

#include <fmt/ranges.h>

#include <iostream>
#include <map>
#include <optional>

#include "command_tree.hpp"
#include "commands.hpp"
#include "help.hpp"
#include "laser/core/fail.hpp"
#include "laser/record/writer.hpp"
#include "output.hpp"
#include "study_cost.hpp"

namespace laser {
namespace {

struct SweepArguments {
  std::vector<std::string> items;
  SweepOptions options;
  bool quiet = false;
  bool dry_run = false;
};

/// The settings that were given and that no run of the sweep reads, "key = value".
std::vector<std::string> unread_by_all(const Settings& base, const std::vector<Axis>& axes,
                                       const std::vector<Job>& jobs) {
  auto given = base;
  for (const auto& axis : axes) given.emplace_back(axis.key, "");
  // By key: in how many runs, and the text
  std::map<std::string, std::pair<std::size_t, std::string>> unread;
  for (const auto& job : jobs) {
    for (const auto& text : unread_settings(given, job.experiment)) {
      auto& [count, first] = unread[text.substr(0, text.find(' '))];
      if (count++ == 0) first = text;
    }
  }
  std::vector<std::string> texts;
  for (const auto& [key, entry] : unread)
    if (entry.first == jobs.size()) texts.push_back(entry.second);
  return texts;
}

void run_sweep_command(SweepArguments& arguments, CommandLine& line) {
  if (arguments.items.empty())
    fail(ExitCode::kUsage,
         "a sweep needs something to vary. HINT: laser sweep method=laser,zsgd power=0.1,1,10");
  std::vector<std::string> files;
  std::vector<Axis> axes;
  for (const auto& item : arguments.items) {
    if (!is_assignment(item)) {
      files.push_back(item);
    } else {
      axes.push_back(parse_axis(item));
    }
  }
  const auto base = read_arguments(files);
  const auto jobs = make_jobs(base, axes);
  if (arguments.dry_run) return print_dry_run(jobs, names_of_jobs(jobs), arguments.options, arguments.quiet);
  if (!arguments.options.folder.empty()) check_free(arguments.options.folder);  // before anything is said
  if (const auto unread = unread_by_all(base, axes, jobs); !unread.empty())
    std::cerr << fmt::format("laser: note: read by no run of this sweep: {}\n", fmt::join(unread, ", "));
  arguments.options.command = line.text;
  std::optional<FreshFolder> fresh;
  if (arguments.options.folder.empty()) {
    if (arguments.options.resume || arguments.options.extend)
      fail(ExitCode::kUsage, "which sweep is to go on? HINT: --out DIR, the folder that it writes to");
    arguments.options.folder = fresh.emplace("sweep").path();
  }
  if (!arguments.quiet) {
    std::cerr << fmt::format("{} runs into {}; settings:\n\n{}\n", jobs.size(), arguments.options.folder,
                             axes_legend(axes) + settings_legend(base));
  }
  line.exit_code = sweep_with_progress(jobs, arguments.options, "sweep", arguments.quiet);
  if (line.exit_code == 0) {
    std::cout << fmt::format("{} runs in {}\nlaser report {}   shows them\n", jobs.size(),
                             arguments.options.folder, arguments.options.folder);
  }
}

}  // namespace

void add_sweep(CLI::App& app, CommandLine& line) {
  auto arguments = std::make_shared<SweepArguments>();
  auto* command =
      app.add_subcommand("sweep", "Train every combination of a grid of settings, several at once");
  command
      ->add_option("settings", arguments->items, "a configuration file (optional) and the axes of the grid")
      ->option_text("[CONFIG.toml] key=v1,v2,... [key=...]");
  command->add_option("--out", arguments->options.folder,
                      "folder for the runs (default: a new one under runs/)");
  command
      ->add_option("--jobs", arguments->options.parallel,
                   "runs at once (default: as many as there are cores)")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--resume", arguments->options.resume,
                    "go on with a sweep: completed runs are kept, others go on from their checkpoints");
  command->add_flag("--extend", arguments->options.extend, "as --resume, with a grid that has changed")
      ->group(kRareOptions);
  auto* fast =
      command->add_flag("--fail-fast", arguments->options.fail_fast, "end at the first run that fails")
          ->group(kRareOptions);
  command
      ->add_flag_function(
          "--keep-going", [](std::int64_t) {}, "go on with the other runs when one fails (the default)")
      ->excludes(fast)
      ->group(kRareOptions);
  command
      ->add_option("--checkpoint-every", arguments->options.checkpoint_rounds,
                   "rounds between checkpoints of a run (default: a minute)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000000000}))
      ->group(kRareOptions);
  command->add_flag("--quiet", arguments->quiet, "no progress");
  command->add_flag("--dry-run", arguments->dry_run,
                    "tell what the sweep takes, print the names of its runs and stop");
  command->footer(
      "Example: laser sweep configs/table4.toml method=laser,zsgd power=0.1,1,10 seed=1,2,3 --out runs/mine\n"
      "Ranges stand for their values: seed=1:5, power=0.1:10:log:1 (one a decade; 5 without it), "
      "rank=1,2:4.");
  add_all_flag(*command);
  command->callback([arguments, &line] { run_sweep_command(*arguments, line); });
}

}  // namespace laser
