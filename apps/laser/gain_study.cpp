#include "gain_study.hpp"

#include <iostream>
#include <set>

#include "laser/core/fail.hpp"
#include "laser/core/resources.hpp"
#include "laser/report/study.hpp"
#include "output.hpp"

namespace laser {
namespace {

/// The choice for one number of epochs and one grid.
struct Choice {
  GainQuestion question;
  std::vector<ChosenRate> rates;
};

std::vector<Choice> choices_of(const TuningPlan& plan, const GainPlan& gain, std::span<const Run> runs) {
  std::vector<Choice> choices;
  const auto add = [&](std::int64_t epoch, bool tuned) {
    Choice choice{{epoch, tuned, {}}, choose_rates(plan, runs, epoch, tuned ? gain.rates : gain.paper_rates)};
    for (const auto& rate : choice.rates)
      choice.question.rates[{rate.method, rate.power.value_or(0)}] = std::stod(rate.rate);
    choices.push_back(std::move(choice));
  };
  for (const auto epoch : gain.horizons) add(epoch, true);
  if (!gain.paper_rates.empty()) add(gain.horizons.back(), false);
  return choices;
}

/// The step sizes of a first look, for every number of epochs.
std::vector<Choice> fixed_choices(const TuningPlan& plan, const GainPlan& gain) {
  std::vector<Choice> choices;
  for (const auto epoch : gain.horizons) {
    auto& choice = choices.emplace_back();
    choice.question = {epoch, false, {}};
    for (const auto& [method, powers] : plan.powers_of) {
      const auto& rate = gain.quick_rate_of.at(method);
      for (const auto& power : powers) {
        choice.rates.push_back({method, std::stod(power), rate});
        choice.question.rates[{method, std::stod(power)}] = std::stod(rate);
      }
    }
  }
  return choices;
}

/// The runs that all choices ask for, none twice: all of the first seed first.
std::vector<Job> final_jobs(const TuningPlan& plan, std::span<const Choice> choices) {
  std::vector<Job> jobs;
  std::set<std::string> names;
  for (std::int64_t seed = 1; seed <= plan.seeds; ++seed) {
    for (const auto& choice : choices) {
      for (const auto& rate : choice.rates) {
        auto settings = plan.base;
        settings.emplace_back("method", rate.method);
        if (rate.power) settings.emplace_back("power", number_text(*rate.power));
        settings.emplace_back("learning_rate", rate.rate);
        settings.emplace_back("seed", std::to_string(seed));
        const auto power = rate.power ? fmt::format("_power-{}", number_text(*rate.power)) : "";
        auto job = make_job(
            settings, fmt::format("{}{}_learning_rate-{}_seed-{}", rate.method, power, rate.rate, seed));
        if (names.insert(job.name).second) jobs.push_back(std::move(job));
      }
    }
  }
  return jobs;
}

}  // namespace

int run_gain_study(const TuningPlan& plan, const GainPlan& gain, const GainStudyOptions& options) {
  validate(plan);
  const std::string root = options.sweep.folder;
  const auto sweep = [&](const char* part, const std::vector<Job>& jobs) {
    return sweep_part(options.sweep, part, jobs, options.quiet);
  };
  const char* part = options.look ? "look" : "final";
  std::vector<Choice> choices;
  if (options.look) {
    choices = fixed_choices(plan, gain);
  } else {
    const auto choosing = choosing_jobs(plan);
    if (const int code = sweep("choosing", choosing); code != 0) return code;
    choices = choices_of(plan, gain, runs_of(root + "/choosing", choosing));
  }
  const auto jobs = final_jobs(plan, choices);
  if (const int code = sweep(part, jobs); code != 0) return code;
  std::vector<GainQuestion> questions;
  for (const auto& choice : choices) questions.push_back(choice.question);
  const auto& metric = tuning_metric(plan.metric);
  auto report = build_gain_report(runs_of(root + "/" + part, jobs), questions, gain.targets, metric.at_epoch,
                                  metric.worst, metric.higher_is_better);
  if (options.look)
    report.notes.push_back("a first look: one seed, fixed step sizes, few powers; not a result");
  for (const auto& choice : choices) {
    for (const auto& rate : choice.rates) {
      if (!rate.at_edge || !choice.question.tuned) continue;
      report.notes.push_back(fmt::format(
          "{} at P = {:g}, {} epochs: the chosen step size {} is the edge of the grid; the best may "
          "lie beyond",
          rate.method, rate.power.value_or(0), choice.question.epoch, rate.rate));
    }
  }
  const auto study = study_of(report);
  const auto text = write_study(study, root + "/report", figures_python(),
                                (resource_root() / "python" / "laser" / "gain_figures.py").string());
  std::cout << (options.json ? study.json : text);
  return 0;
}

}  // namespace laser
