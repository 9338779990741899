#include "fair_comparison.hpp"

#include <iostream>

#include "laser/core/atomic_file.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/resources.hpp"
#include "laser/report/study.hpp"
#include "output.hpp"
#include "study_cost.hpp"

namespace laser {

int run_fair_comparison(const TuningPlan& plan, const ComparisonOptions& options) {
  validate(plan);
  const std::string root = options.sweep.folder;
  const auto sweep = [&](const char* part, const std::vector<Job>& jobs) {
    return sweep_part(options.sweep, part, jobs, options.quiet);
  };
  const auto choosing = choosing_jobs(plan), fixed = fixed_jobs(plan);
  if (const int code = sweep("choosing", choosing); code != 0) return code;
  const auto chosen = choose_rates(plan, runs_of(root + "/choosing", choosing));
  const auto tuned = tuned_jobs(plan, chosen);
  if (const int code = sweep("fixed", fixed); code != 0) return code;
  if (const int code = sweep("tuned", tuned); code != 0) return code;
  const auto& metric = tuning_metric(plan.metric);
  TunedQuantity quantity{
      .worst = metric.worst, .higher_is_better = metric.higher_is_better, .at_epoch = metric.at_epoch};
  if (plan.metric == "ema") quantity.title = "Test accuracy of the averaged weights";
  if (plan.metric == "perplexity") {
    quantity.title = "Perplexity";
    quantity.unit = "";
  }
  auto report = build_tuned_report(runs_of(root + "/fixed", fixed), runs_of(root + "/tuned", tuned),
                                   options.targets, quantity);
  for (const auto& choice : chosen) {
    if (!choice.at_edge) continue;
    report.notes.push_back(fmt::format(
        "{}{}: the chosen step size {} is the edge of the grid; the best may lie beyond", choice.method,
        choice.power ? fmt::format(" at P = {:g}", *choice.power) : "", choice.rate));
  }
  const auto study = study_of(report);
  const auto folder = root + "/report";
  const auto text = write_study(study, folder, figures_python(),
                                (resource_root() / "python" / "laser" / "tuned_figures.py").string());
  write_file_atomically(folder + "/gain.json", gains_to_json(report));
  std::cout << (options.json ? study.json : text);
  return 0;
}

std::string comparison_runs(const TuningPlan& plan) {
  validate(plan);
  return names_of_jobs(choosing_jobs(plan), "choosing/") + names_of_jobs(fixed_jobs(plan), "fixed/");
}

std::vector<Job> comparison_jobs(const TuningPlan& plan) {
  validate(plan);
  auto jobs = with_reported(choosing_jobs(plan), plan.seeds);
  const auto fixed = fixed_jobs(plan);
  jobs.insert(jobs.end(), fixed.begin(), fixed.end());
  return jobs;
}

}  // namespace laser
