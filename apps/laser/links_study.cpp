#include "links_study.hpp"

#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "laser/core/collect.hpp"
#include "laser/core/error.hpp"
#include "laser/record/reader.hpp"
#include "output.hpp"

namespace laser {
namespace {

/// One number of workers at one air time.
struct Part {
  std::string name, workers;
  TuningPlan plan;
};

std::vector<Part> parts_of(const Settings& base, const LinksPlan& links, std::int64_t seeds) {
  std::vector<Part> parts;
  for (const auto& [workers, batch] : links.batches) {
    for (const auto& air : links.airs) {
      Part part{fmt::format("k-{}-{}", workers, air.name), workers, {}};
      part.plan.base = base;
      part.plan.base.emplace_back("workers", workers);
      part.plan.base.emplace_back("batch_size", batch);
      part.plan.base.insert(part.plan.base.end(), air.settings.begin(), air.settings.end());
      part.plan.methods = air.methods;
      part.plan.powers = links.powers;
      part.plan.powers_of = links.powers_of;
      part.plan.rates = links.rates;
      part.plan.seeds = seeds;
      validate(part.plan);
      parts.push_back(std::move(part));
    }
  }
  return parts;
}

}  // namespace

int run_links_study(const Settings& base, const LinksPlan& links, LinksStudyOptions options) {
  const std::string root = options.sweep.folder;
  options.sweep.extend = options.sweep.resume;  // a part that has not begun yet is new, the others go on
  options.sweep.resume = false;
  const auto sweep = [&](const std::string& part, const std::vector<Job>& jobs) {
    options.sweep.folder = root + "/" + part;
    const int code = sweep_with_progress(jobs, options.sweep, part, options.quiet);
    return code == static_cast<int>(ExitCode::kNonFinite) ? 0 : code;  // a run that diverged is a result
  };
  std::vector<std::string> finals;  // folders of runs of one number of workers
  const auto parts = parts_of(base, links, options.seeds);
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const auto& part = parts[p];
    const auto choosing = choosing_jobs(part.plan);
    if (const int code = sweep(part.name + "/choosing", choosing); code != 0) return code;
    const auto runs = collect(choosing, [&](const Job& job) {
      return read_run((std::filesystem::path(root) / part.name / "choosing" / job.name).string());
    });
    const auto chosen = choose_rates(part.plan, runs);
    for (const auto& choice : chosen) {
      if (!choice.at_edge || options.quiet) continue;
      std::cerr << fmt::format(
          "{}, {} at P = {:g}: the chosen step size {} is the edge of the grid; the best may lie beyond\n",
          part.name, choice.method, choice.power.value_or(0), choice.rate);
    }
    const auto jobs = tuned_jobs(part.plan, chosen);
    if (const int code = sweep(part.name + "/final", jobs); code != 0) return code;
    // Those of these jobs alone: a folder may hold runs at other step sizes, of another grid.
    for (const auto& job : jobs) finals.push_back(fmt::format("{}/{}/final/{}", root, part.name, job.name));
    if (p + 1 < parts.size() && parts[p + 1].workers == part.workers) continue;
    std::cout << fmt::format("{} workers\n\n", part.workers);
    print_report(finals, fmt::format("{}/report-{}", root, part.workers), false);
    std::cout << std::endl;  // the next part takes long
    finals.clear();
  }
  return 0;
}

std::string links_runs(const Settings& base, const LinksPlan& links) {
  std::string text;
  for (const auto& part : parts_of(base, links, 1)) {
    for (const auto& job : choosing_jobs(part.plan))
      text += fmt::format("{}/choosing/{}\n", part.name, job.name);
  }
  return text;
}

}  // namespace laser
