#include "parts_study.hpp"

#include <filesystem>
#include <iostream>
#include <map>

#include "laser/core/collect.hpp"
#include "laser/core/error.hpp"
#include "laser/record/reader.hpp"
#include "laser/train/tuning.hpp"
#include "output.hpp"

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

int run_parts_study(const Settings& base, std::span<const StudyPart> parts, PartsStudyOptions options) {
  const std::string root = options.sweep.folder;
  options.sweep.extend = options.sweep.resume;  // a part that has not begun yet is new, the others go on
  options.sweep.resume = false;
  const auto sweep = [&](const std::string& name, const std::vector<Job>& jobs) {
    options.sweep.folder = root + "/" + name;
    const int code = sweep_with_progress(jobs, options.sweep, name, options.quiet);
    return code == static_cast<int>(ExitCode::kNonFinite) ? 0 : code;  // a run that diverged is a result
  };
  std::map<std::string, std::vector<std::string>> finals;  // folders, by group
  std::vector<std::string> groups;                         // in order
  for (const auto& part : parts) {
    const auto plan = plan_of(base, part, options.seeds);
    const auto choosing = choosing_jobs(plan);
    if (const int code = sweep(part.name + "/choosing", choosing); code != 0) return code;
    const auto runs = collect(choosing, [&](const Job& job) {
      return read_run((std::filesystem::path(root) / part.name / "choosing" / job.name).string());
    });
    const auto chosen = choose_rates(plan, runs);
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
  for (const auto& part : parts) {
    for (const auto& job : choosing_jobs(plan_of(base, part, 1)))
      text += fmt::format("{}/choosing/{}\n", part.name, job.name);
  }
  return text;
}

}  // namespace laser
