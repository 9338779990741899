#include "laser/train/tuning.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "laser/channel/channel.hpp"
#include "laser/core/fail.hpp"

namespace laser {
namespace {

Axis seed_axis(std::int64_t count) {
  Axis axis{"seed", {}};
  for (std::int64_t s = 1; s <= count; ++s) axis.values.push_back(std::to_string(s));
  return axis;
}

std::optional<double> power_of(const Experiment& experiment) {
  if (!channel_traits(experiment.algorithm.channel).noisy) return {};
  return experiment.power;
}

}  // namespace

std::vector<std::string> rate_grid(double low, double high, std::int64_t count) {
  if (!(low > 0 && low < high && std::isfinite(high) && count > 1)) {
    fail(ExitCode::kConfiguration,
         "{} step sizes from {} to {} make no grid: at least two, in rising order, are needed", count, low,
         high);
  }
  std::vector<std::string> rates;
  for (std::int64_t i = 0; i < count; ++i) {
    const double share = static_cast<double>(i) / static_cast<double>(count - 1);
    rates.push_back(fmt::format("{:.2g}", low * std::pow(high / low, share)));
  }
  return rates;
}

void validate(const TuningPlan& plan) {
  for (const auto& [key, value] : plan.base) {
    for (const char* varied : {"method", "power", "snr_db", "learning_rate", "seed", "validation"}) {
      if (key == varied)
        fail(ExitCode::kConfiguration, "{} = {}: tuning varies this setting itself. HINT: leave it out", key,
             value);
    }
  }
  (void)tuning_metric(plan.metric);
  for (const auto& method : plan.untuned) {
    if (std::ranges::find(plan.methods, method) == plan.methods.end())
      fail(ExitCode::kConfiguration,
           "'{}' is not compared: its step size cannot be its own. HINT: name it as well", method);
  }
  const bool powers = std::ranges::all_of(plan.methods, [&](const std::string& method) {
    const auto own = plan.powers_of.find(method);
    return own == plan.powers_of.end() ? !plan.powers.empty() : !own->second.empty();
  });
  if (plan.methods.empty() || !powers || plan.rates.empty())
    fail(ExitCode::kConfiguration, "tuning needs a method, a power and a step size at least");
}

std::span<const TuningMetric> tuning_metrics() {
  static constexpr double kWorstPerplexity = 1e6;  // finite, so that a line through it has a slope
  static constexpr TuningMetric kMetrics[] = {
      {"accuracy", "of the raw weights after the last epoch", 0, true,
       [](const EpochRecord& r) { return r.test_accuracy; }},
      {"ema", "accuracy of the averaged weights after the last epoch", 0, true,
       [](const EpochRecord& r) { return r.ema_accuracy; }},
      {"perplexity", "of a language model after the last epoch", kWorstPerplexity, false,
       [](const EpochRecord& r) { return r.perplexity.value_or(kWorstPerplexity); }},
  };
  return kMetrics;
}

const TuningMetric& tuning_metric(const std::string& name) {
  for (const auto& metric : tuning_metrics()) {
    if (name == metric.name) return metric;
  }
  fail(ExitCode::kConfiguration, "metric = '{}' is unknown; choose accuracy, ema or perplexity", name);
}

namespace {

/// The runs of some methods: each method's powers, then `axes`. Names begin with the method.
std::vector<Job> jobs_of(const TuningPlan& plan, const std::vector<std::string>& methods,
                         const Settings& base, const std::vector<Axis>& axes) {
  std::vector<Job> jobs;
  for (const auto& method : methods) {
    const auto own = plan.powers_of.find(method);
    auto settings = base;
    settings.emplace_back("method", method);
    std::vector<Axis> all{{plan.power_key, own == plan.powers_of.end() ? plan.powers : own->second}};
    all.insert(all.end(), axes.begin(), axes.end());
    for (auto& job : make_jobs(settings, all)) {
      job.name.insert(0, method + "_");
      jobs.push_back(std::move(job));
    }
  }
  return jobs;
}

/// The methods whose step size is chosen.
std::vector<std::string> tuned_methods(const TuningPlan& plan) {
  auto methods = plan.methods;
  std::erase_if(methods, [&](const std::string& method) { return plan.untuned.contains(method); });
  return methods;
}

}  // namespace

std::vector<Job> choosing_jobs(const TuningPlan& plan) {
  auto base = plan.base;
  base.emplace_back("validation", number_text(plan.validation));
  return jobs_of(plan, tuned_methods(plan), base,
                 {{"learning_rate", plan.rates}, seed_axis(plan.choosing_seeds)});
}

std::vector<ChosenRate> choose_rates(const TuningPlan& plan, std::span<const Run> runs, std::int64_t epoch,
                                     std::vector<std::string> rates) {
  const auto jobs = choosing_jobs(plan);
  LASER_CHECK(runs.size() == jobs.size());
  if (rates.empty()) rates = plan.rates;
  const auto& metric = tuning_metric(plan.metric);
  std::set<double> allowed;
  for (const auto& rate : rates) allowed.insert(std::stod(rate));
  const auto value_of = [&](const Run& run) {
    if (run.summary.status == "failed") return metric.worst;
    for (const auto& record : run.epochs) {
      if (record.epoch != (epoch == 0 ? run.summary.epochs : epoch)) continue;
      const double value = metric.at_epoch(record);
      return std::isfinite(value) ? value : metric.worst;
    }
    fail(ExitCode::kData, "{} has no record of epoch {}", run.folder,
         epoch == 0 ? run.summary.epochs : epoch);
  };
  std::vector<ChosenRate> candidates;  // one for each method, power and rate, the values summed over seeds
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const auto& e = jobs[j].experiment;
    if (!allowed.contains(e.learning_rate)) continue;
    const auto& status = runs[j].summary.status;
    if (status != "completed" && status != "failed") {
      fail(ExitCode::kData, "the run {} is not complete. HINT: the same command with --resume goes on",
           jobs[j].name);
    }
    ChosenRate candidate{e.method, power_of(e), number_text(e.learning_rate),
                         value_of(runs[j]) / static_cast<double>(plan.choosing_seeds)};
    const auto same = std::find_if(candidates.begin(), candidates.end(), [&](const ChosenRate& other) {
      return other.method == candidate.method && other.power == candidate.power &&
             other.rate == candidate.rate;
    });
    if (same == candidates.end()) {
      candidates.push_back(candidate);
    } else {
      same->value += candidate.value;
    }
  }
  std::vector<ChosenRate> chosen;
  for (const auto& candidate : candidates) {
    const auto same = std::find_if(chosen.begin(), chosen.end(), [&](const ChosenRate& other) {
      return other.method == candidate.method && other.power == candidate.power;
    });
    if (same == chosen.end()) {
      chosen.push_back(candidate);
    } else if (metric.higher_is_better ? candidate.value > same->value : candidate.value < same->value) {
      *same = candidate;
    }
  }
  for (auto& choice : chosen) {
    const double rate = std::stod(choice.rate);
    choice.at_edge = rate == *allowed.begin() || rate == *allowed.rbegin();
  }
  return chosen;
}

std::vector<Job> fixed_jobs(const TuningPlan& plan) {
  return jobs_of(plan, plan.methods, plan.base, {seed_axis(plan.seeds)});
}

std::vector<Job> tuned_jobs(const TuningPlan& plan, std::span<const ChosenRate> chosen) {
  std::vector<Job> jobs;
  for (auto& job : jobs_of(plan, tuned_methods(plan), plan.base, {seed_axis(plan.seeds)})) {
    const auto& e = job.experiment;
    const auto choice = std::find_if(chosen.begin(), chosen.end(), [&](const ChosenRate& c) {
      return c.method == e.method && c.power == power_of(e);
    });
    LASER_CHECK(choice != chosen.end());
    job.experiment.learning_rate = std::stod(choice->rate);
    const auto hash = experiment_hash(job.experiment).substr(0, 8);
    job.name.replace(job.name.size() - hash.size(), hash.size(), hash);
    jobs.push_back(std::move(job));
  }
  return jobs;
}

}  // namespace laser
