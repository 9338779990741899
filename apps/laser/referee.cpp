#include "referee.hpp"

#include <iostream>

#include "laser/core/atomic_file.hpp"
#include "laser/core/error.hpp"
#include "laser/core/resources.hpp"
#include "laser/report/figures.hpp"
#include "laser/report/tuned.hpp"
#include "output.hpp"
#include "study_cost.hpp"

namespace laser {
namespace {

void write_referee_report(const TunedReport& report, const std::string& folder, bool json) {
  create_folders(folder);
  const auto summary = to_json(report);
  const auto path = folder + "/tuned.json";
  write_file_atomically(path, summary);
  write_file_atomically(folder + "/gain.json", gains_to_json(report));
  std::string text, markdown;
  for (const auto& table : tuned_tables(report)) {
    if (!text.empty()) text += '\n';
    text += to_text(table);
    if (!markdown.empty()) markdown += '\n';
    markdown += to_markdown(table);
  }
  for (const auto& note : report.notes) markdown += fmt::format("\n- {}\n", escape_markdown(note));
  write_file_atomically(folder + "/tuned.md", markdown);
  const auto script = (resource_root() / "python" / "laser" / "tuned_figures.py").string();
  const std::vector<Figure> figures{{"tuned_accuracy", ""}, {"tuned_pareto", ""}};
  const auto drawing = draw_figures(figures, figures_python(), script, path, folder);
  if (json) {
    std::cout << summary;
    return;
  }
  std::cout << text;
  if (!drawing.drawn) std::cout << '\n' << drawing.reason << '\n';
  std::cout << fmt::format("\nWritten to {}: tuned.md, tuned.json, gain.json{}\n", folder,
                           drawing.drawn ? ", tuned_accuracy and tuned_pareto (.svg, .png)" : "");
}

}  // namespace

int run_referee(const TuningPlan& plan, const RefereeOptions& options) {
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
  write_referee_report(report, root + "/report", options.json);
  return 0;
}

std::string referee_runs(const TuningPlan& plan) {
  validate(plan);
  return names_of_jobs(choosing_jobs(plan), "choosing/") + names_of_jobs(fixed_jobs(plan), "fixed/");
}

std::vector<Job> referee_jobs(const TuningPlan& plan) {
  validate(plan);
  auto jobs = choosing_jobs(plan);
  for (const auto& more : {reported_like(jobs, plan.seeds), fixed_jobs(plan)})
    jobs.insert(jobs.end(), more.begin(), more.end());
  return jobs;
}

}  // namespace laser
