// laser reproduce STUDY [--seeds N] [--out DIR]: the grid of a published table or figure, then its report.
#include <iostream>

#include "commands.hpp"
#include "laser/core/error.hpp"
#include "laser/core/resources.hpp"
#include "output.hpp"

namespace laser {
namespace {

/// A published result: its configuration file and the grid over it (seeds come on top).
struct Study {
  const char* name;
  const char* sentence;
  const char* config;
  std::vector<Axis> axes;
};

const std::vector<Study>& studies() {
  static const std::vector<Study> table{
      {"table4",
       "MNIST, all methods at P = 0.1, 1, 10 (the paper's Table 4)",
       "table4.toml",
       {{"method", {"laser", "randomk", "sketch", "zsgd", "adsgd", "signum", "sgd"}},
        {"power", {"0.1", "1", "10"}}}},
  };
  return table;
}

struct ReproduceArguments {
  std::string study;
  std::int64_t seeds = 3;
  SweepOptions options;
  bool json = false;
  bool quiet = false;
};

void run_reproduce(ReproduceArguments& arguments, CommandLine& line) {
  const Study* study = nullptr;
  std::vector<std::string> names;
  for (const auto& entry : studies()) {
    names.emplace_back(entry.name);
    if (arguments.study == entry.name) study = &entry;
  }
  if (study == nullptr) {
    const auto near = nearest_name(arguments.study, names);
    std::string known;
    for (const auto& name : names) known += (known.empty() ? "" : ", ") + name;
    fail(ExitCode::kUsage, "unknown study '{}'{}; there is {}", arguments.study,
         near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), known);
  }
  auto axes = study->axes;
  axes.push_back({"seed", {}});
  for (std::int64_t s = 1; s <= arguments.seeds; ++s) axes.back().values.push_back(std::to_string(s));
  const auto base = read_settings((resource_root() / "configs" / study->config).string());
  const auto jobs = make_jobs(base, axes);
  auto& options = arguments.options;
  if (options.folder.empty()) options.folder = fresh_folder(study->name);
  options.command = line.text;
  if (!arguments.quiet) {
    std::cerr << fmt::format("{}: {}\n{} runs into {}; settings:\n\n{}\n", study->name, study->sentence,
                             jobs.size(), options.folder, grid_legend(base, axes));
  }
  line.exit_code = sweep_with_progress(jobs, options, study->name, arguments.quiet);
  if (line.exit_code < 128) print_report({options.folder}, options.folder + "/report", arguments.json);
}

}  // namespace

void add_reproduce(CLI::App& app, CommandLine& line) {
  auto arguments = std::make_shared<ReproduceArguments>();
  auto* command = app.add_subcommand("reproduce", "Re-make a table or figure of the paper, with its report");
  std::string list = "Studies:\n";
  for (const auto& study : studies()) list += fmt::format("  {:<10} {}\n", study.name, study.sentence);
  command->add_option("STUDY", arguments->study, "which one")->required();
  command->add_option("--seeds", arguments->seeds, "runs per point, with seeds 1..N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--out", arguments->options.folder,
                      "folder for runs and report (default: a new one under runs/)");
  command
      ->add_option("--jobs", arguments->options.parallel,
                   "runs at once (default: as many as there are cores)")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--resume", arguments->options.resume, "go on with an interrupted one in --out");
  command->add_flag("--json", arguments->json, "print the report's summary.json");
  command->add_flag("--quiet", arguments->quiet, "no legend, no progress");
  command->footer(list);
  command->callback([arguments, &line] { run_reproduce(*arguments, line); });
}

}  // namespace laser
