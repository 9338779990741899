// laser reproduce STUDY [--scale paper|small] [--seeds N] [--out DIR]: the grids of a published table or
// figure, then its report.
#include <iostream>
#include <optional>

#include "commands.hpp"
#include "fair_comparison.hpp"
#include "gain_study.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/resources.hpp"
#include "output.hpp"
#include "parts_study.hpp"
#include "studies.hpp"
#include "study_cost.hpp"

namespace laser {
namespace {

struct ReproduceArguments {
  std::string study;
  std::string scale;
  std::int64_t seeds = 3;
  SweepOptions options;
  bool json = false;
  bool quiet = false;
  bool dry_run = false;
  bool look = false;
};

/// A study whose step sizes are chosen on held-out examples.
void run_tuned(const StudyScale& scale, const Settings& base, ReproduceArguments& arguments,
               CommandLine& line) {
  TuningPlan plan;
  plan.base = base;
  for (const auto& axis : scale.grids[0]) (axis.key == "method" ? plan.methods : plan.powers) = axis.values;
  plan.rates = rate_grid(1.08e-5, 0.5, 8);
  plan.seeds = arguments.seeds;
  if (arguments.dry_run) {
    return print_dry_run(comparison_jobs(plan), comparison_runs(plan), arguments.options, arguments.quiet);
  }
  ComparisonOptions comparison{
      arguments.options, {80, 82, 84, 86, 87, 88, 89, 90, 91}, arguments.json, arguments.quiet};
  std::optional<FreshFolder> fresh;
  if (comparison.sweep.folder.empty()) comparison.sweep.folder = fresh.emplace(arguments.study).path();
  comparison.sweep.resume |= comparison.sweep.extend;
  comparison.sweep.command = line.text;
  line.exit_code = run_fair_comparison(plan, comparison);
}

/// A study of the power for a target, at several numbers of rounds.
void run_gain(const StudyScale& scale, const Settings& base, ReproduceArguments& arguments,
              CommandLine& line) {
  TuningPlan plan;
  plan.base = base;
  plan.powers_of = scale.gain->powers_of;
  for (const auto& [method, powers] : plan.powers_of) plan.methods.push_back(method);
  plan.rates = scale.gain->rates;
  plan.metric = scale.gain->metric;
  plan.seeds = arguments.seeds;
  if (arguments.dry_run) {
    const auto choosing = choosing_jobs(plan);
    return print_dry_run(with_reported(choosing, plan.seeds), names_of_jobs(choosing, "choosing/"),
                         arguments.options, arguments.quiet);
  }
  if (arguments.look) {
    plan.powers_of = scale.gain->quick_powers_of;
    plan.seeds = 1;
  }
  GainStudyOptions options{arguments.options, arguments.look, arguments.json, arguments.quiet};
  std::optional<FreshFolder> fresh;
  if (options.sweep.folder.empty()) {
    options.sweep.folder = fresh.emplace(arguments.study + "-" + scale.name).path();
  }
  options.sweep.resume |= options.sweep.extend;
  options.sweep.command = line.text;
  line.exit_code = run_gain_study(plan, *scale.gain, options);
}

/// A study of several parts.
void run_parts(const StudyScale& scale, const Settings& base, ReproduceArguments& arguments,
               CommandLine& line) {
  if (arguments.dry_run) {
    return print_dry_run(parts_jobs(base, scale.parts, arguments.seeds), parts_runs(base, scale.parts),
                         arguments.options, arguments.quiet);
  }
  PartsStudyOptions options{arguments.options, arguments.seeds, arguments.quiet};
  std::optional<FreshFolder> fresh;
  if (options.sweep.folder.empty()) options.sweep.folder = fresh.emplace(arguments.study).path();
  options.sweep.resume |= options.sweep.extend;
  options.sweep.command = line.text;
  line.exit_code = run_parts_study(base, scale.parts, options);
}

void run_reproduce(ReproduceArguments& arguments, CommandLine& line) {
  const auto& study = find_study(arguments.study);
  if (study.print != nullptr) return study.print(arguments.json);
  const auto& scale = find_scale(study, arguments.scale);
  const auto base = read_settings((resource_root() / "configs" / scale.config).string());
  if (arguments.look && !scale.gain) {
    fail(ExitCode::kUsage, "{} has no --quick. HINT: --seeds 1 makes a study shorter", study.name);
  }
  if (!scale.parts.empty()) return run_parts(scale, base, arguments, line);
  if (scale.gain) return run_gain(scale, base, arguments, line);
  if (scale.tuned) return run_tuned(scale, base, arguments, line);
  const auto jobs = make_jobs(base, with_seeds(scale.grids, arguments.seeds));
  if (arguments.dry_run) return print_dry_run(jobs, names_of_jobs(jobs), arguments.options, arguments.quiet);
  auto& options = arguments.options;
  std::optional<FreshFolder> fresh;
  if (options.folder.empty()) options.folder = fresh.emplace(study.name).path();
  options.command = line.text;
  if (!arguments.quiet) {
    std::cerr << fmt::format("{}, {} scale: {}\n{} runs into {}; settings:\n\n", study.name, scale.name,
                             study.sentence, jobs.size(), options.folder);
    for (const auto& grid : with_seeds(scale.grids, arguments.seeds)) std::cerr << axes_legend(grid) << '\n';
    std::cerr << settings_legend(base) << '\n';
  }
  line.exit_code = sweep_with_progress(jobs, options, study.name, arguments.quiet);
  if (line.exit_code < 128) print_report({options.folder}, options.folder + "/report", arguments.json);
}

std::string list_of_studies() {
  std::string list = "Studies:\n";
  for (const auto& study : studies()) {
    std::string scales;
    for (const auto& scale : study.scales) scales += (scales.empty() ? "" : ", ") + scale.name;
    list +=
        fmt::format("  {:<10} {}{}\n", study.name, study.sentence, scales.empty() ? "" : " [" + scales + "]");
  }
  return list + "The first scale of a study is its default.\n";
}

}  // namespace

void add_reproduce(CLI::App& app, CommandLine& line) {
  auto arguments = std::make_shared<ReproduceArguments>();
  auto* command = app.add_subcommand("reproduce", "Re-make a table or figure of the paper, with its report");
  command->add_option("STUDY", arguments->study, "which one")->required();
  command->add_option("--scale", arguments->scale,
                      "paper: as published; small: width, rank and power scaled down alike; others by name");
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
  command->add_flag("--extend", arguments->options.extend,
                    "as --resume, into a folder of other runs (another study, more seeds)");
  command->add_flag("--json", arguments->json, "print the report's summary.json");
  command->add_flag("--quiet", arguments->quiet, "no legend, no progress");
  command->add_flag("--quick", arguments->look,
                    "headline only: a first look with fewer powers, fixed step sizes and one seed");
  command->add_flag("--dry-run", arguments->dry_run,
                    "tell what the study takes, print the names of its runs and stop");
  command->footer(list_of_studies());
  command->callback([arguments, &line] { run_reproduce(*arguments, line); });
}

}  // namespace laser
