#include "parts_study.hpp"

#include <fmt/format.h>

#include <iostream>
#include <map>

#include "laser/train/tuning.hpp"
#include "output.hpp"
#include "study_cost.hpp"

namespace laser {
namespace {

TuningPlan plan_of(const Settings& base, const StudyPart& part, std::int64_t seeds) {
  TuningPlan plan;
  plan.base = base;
  plan.base.insert(plan.base.end(), part.settings.begin(), part.settings.end());
  plan.methods = part.methods;
  plan.powers = part.powers;
  plan.powers_of = part.powers_of;
  plan.rates = part.rates;
  plan.seeds = seeds;
  validate(plan);
  return plan;
}

}  // namespace

int run_parts_study(const Settings& base, std::span<const StudyPart> parts,
                    const PartsStudyOptions& options) {
  const std::string root = options.sweep.folder;
  const auto sweep = [&](const std::string& name, const std::vector<Job>& jobs) {
    return sweep_part(options.sweep, name, jobs, options.quiet);
  };
  std::map<std::string, std::vector<std::string>> finals;  // folders, by group
  std::vector<std::string> groups;                         // in order
  for (const auto& part : parts) {
    const auto plan = plan_of(base, part, options.seeds);
    const auto choosing = choosing_jobs(plan);
    if (const int code = sweep(part.name + "/choosing", choosing); code != 0) return code;
    const auto chosen = choose_rates(plan, runs_of(fmt::format("{}/{}/choosing", root, part.name), choosing));
    for (const auto& choice : chosen) {
      if (!choice.at_edge || options.quiet) continue;
      std::cerr << fmt::format(
          "{}, {} at P = {:g}: the chosen step size {} is the edge of the grid; the best may lie beyond\n",
          part.name, choice.method, choice.power.value_or(0), choice.rate);
    }
    if (const int code = sweep(part.name + "/final", tuned_jobs(plan, chosen)); code != 0) return code;
    auto& folders = finals[part.group];
    if (folders.empty()) groups.push_back(part.group);
    folders.push_back(fmt::format("{}/{}/final", root, part.name));
  }
  for (const auto& group : groups) {
    std::cout << fmt::format("{}\n\n", group);
    print_report(finals[group], fmt::format("{}/report-{}", root, group), false);
    std::cout << '\n';
  }
  return 0;
}

std::string parts_runs(const Settings& base, std::span<const StudyPart> parts) {
  std::string text;
  for (const auto& part : parts)
    text += names_of_jobs(choosing_jobs(plan_of(base, part, 1)), part.name + "/choosing/");
  return text;
}

std::vector<Job> parts_jobs(const Settings& base, std::span<const StudyPart> parts, std::int64_t seeds) {
  std::vector<Job> jobs;
  for (const auto& part : parts) {
    const auto both = with_reported(choosing_jobs(plan_of(base, part, seeds)), seeds);
    jobs.insert(jobs.end(), both.begin(), both.end());
  }
  return jobs;
}

}  // namespace laser
