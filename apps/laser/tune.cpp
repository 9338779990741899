// laser tune METHOD... TASK [CONFIG.toml] [power=P1,P2,... | snr_db=S1,...] [key=value ...]
#include <iostream>
#include <optional>

#include "commands.hpp"
#include "fair_comparison.hpp"
#include "help.hpp"
#include "laser/aggregate/algorithm.hpp"
#include "laser/core/fail.hpp"
#include "laser/train/task.hpp"
#include "output.hpp"
#include "study_cost.hpp"

namespace laser {
namespace {

struct TuneArguments {
  std::vector<std::string> items;
  double low = 2e-5, high = 0.5;
  std::int64_t rates = 10;
  std::vector<std::string> own;
  TuningPlan plan;
  ComparisonOptions comparison;
  bool dry_run = false;
};

/// Methods and task are bare words, the task last; the rest is as for a run, but for lists of powers.
TuningPlan plan_of(const TuneArguments& arguments) {
  TuningPlan plan = arguments.plan;
  std::vector<std::string> words, settings;
  std::string powers_key;  // empty: none given yet
  plan.powers = {"0.1", "1", "10"};
  for (const auto& item : arguments.items) {
    if (item.starts_with("power=") || item.starts_with("snr_db=")) {
      const auto axis = parse_axis(item);
      if (!powers_key.empty() && powers_key != axis.key)
        fail(ExitCode::kUsage, "power and snr_db are both given. HINT: leave one of them out");
      powers_key = plan.power_key = axis.key;
      plan.powers = axis.values;
    } else if (!is_assignment(item) && !item.ends_with(".toml")) {
      words.push_back(item);
    } else {
      settings.push_back(item);
    }
  }
  if (words.size() < 2) {
    fail(ExitCode::kUsage,
         "name the methods and then the task. HINT: laser tune laser zsgd mnist --out runs/mine");
  }
  plan.base = read_arguments(settings);
  plan.base.emplace_back("task", words.back());
  words.pop_back();
  for (const auto& word : words) plan.methods.push_back(resolve({{"method", word}}).method);
  for (const auto& word : arguments.own) plan.untuned.insert(resolve({{"method", word}}).method);
  plan.rates = rate_grid(arguments.low, arguments.high, arguments.rates);
  if (plan.metric.empty()) {
    const bool language = model_of(plan.base.back().second, {}) == ModelKind::kLanguage;
    plan.metric = language ? "perplexity" : "accuracy";
  }
  return plan;
}

void run_tune(TuneArguments& arguments, CommandLine& line) {
  const auto plan = plan_of(arguments);
  if (arguments.dry_run) {
    return print_dry_run(comparison_jobs(plan), comparison_runs(plan), arguments.comparison.sweep,
                         arguments.comparison.quiet);
  }
  if (arguments.comparison.targets.empty()) {
    arguments.comparison.targets = plan.metric == "perplexity"
                                       ? std::vector<double>{200, 150, 120, 100, 90, 80, 70, 60, 50, 40, 30}
                                       : std::vector<double>{80, 85, 87, 88, 89, 90, 91};
  }
  auto& sweep = arguments.comparison.sweep;
  std::optional<FreshFolder> fresh;
  if (sweep.folder.empty()) sweep.folder = fresh.emplace("tune").path();
  sweep.command = line.text;
  line.exit_code = run_fair_comparison(plan, arguments.comparison);
}

}  // namespace

void add_tune(CLI::App& app, CommandLine& line) {
  auto arguments = std::make_shared<TuneArguments>();
  auto& comparison = arguments->comparison;
  arguments->plan.metric = "";
  auto* command = app.add_subcommand(
      "tune", "Compare methods fairly: step sizes chosen on held-out examples from one grid for all");
  command
      ->add_option("ITEM", arguments->items,
                   "methods, then the task; settings of all runs; power=P1,P2,... or snr_db=S1,S2,...")
      ->required()
      ->option_text("METHOD... TASK [CONFIG.toml] [power=P1,P2,... | snr_db=S1,...] [key=value ...]");
  command->add_option("--rates", arguments->rates, "step sizes in the grid")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  command->add_option("--lowest", arguments->low, "step size of the grid")->capture_default_str();
  command->add_option("--highest", arguments->high, "step size of the grid")->capture_default_str();
  command->add_option("--own", arguments->own, "methods that keep their own step size at all powers")
      ->delimiter(',');
  command->add_option("--choosing-seeds", arguments->plan.choosing_seeds, "runs that choose, per step size")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--seeds", arguments->plan.seeds, "runs that are reported, per point")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command
      ->add_option("--validation", arguments->plan.validation, "share of the training examples that chooses")
      ->check(CLI::Range(0.01, 0.5))
      ->capture_default_str();
  std::vector<std::string> metrics;
  for (const auto& metric : tuning_metrics()) metrics.emplace_back(metric.name);
  command
      ->add_option(
          "--metric", arguments->plan.metric,
          "what step sizes are chosen by: accuracy of the last weights, ema (of the averaged ones) or "
          "perplexity (default: accuracy, or perplexity of a language model)")
      ->check(CLI::IsMember(metrics));
  command
      ->add_option("--targets", comparison.targets,
                   "accuracies (percent) or perplexities whose power is told (default: some of either)")
      ->delimiter(',');
  command->add_option("--out", comparison.sweep.folder,
                      "folder for runs and report (default: a new one under runs/)");
  command
      ->add_option("--jobs", comparison.sweep.parallel, "runs at once (default: as many as there are cores)")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--resume", comparison.sweep.resume, "go on with an interrupted one in --out");
  command->add_flag("--json", comparison.json, "print the report as JSON");
  command->add_flag("--quiet", comparison.quiet, "no progress");
  command->add_flag("--dry-run", arguments->dry_run,
                    "tell what it takes, print the names of the runs that are known and stop");
  command->footer("Example: laser tune laser zsgd zsgd_matched mnist power=0.1,1,10 rank=2 --out runs/tune");
  add_all_flag(*command);
  command->callback([arguments, &line] { run_tune(*arguments, line); });
}

}  // namespace laser
