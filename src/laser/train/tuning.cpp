#include "laser/train/tuning.hpp"

#include <algorithm>
#include <cmath>

#include "laser/channel/channel.hpp"
#include "laser/core/error.hpp"

namespace laser {
namespace {

Axis seed_axis(std::int64_t count) {
  Axis axis{"seed", {}};
  for (std::int64_t s = 1; s <= count; ++s) axis.values.push_back(std::to_string(s));
  return axis;
}

std::optional<double> power_of(const Experiment& experiment) {
  if (!make_channel(experiment.algorithm.channel)->noisy()) return {};
  return experiment.power;
}

}  // namespace

std::vector<std::string> rate_grid(double low, double high, std::int64_t count) {
  if (!(low > 0 && low < high && std::isfinite(high) && count > 1)) {
    fail(ExitCode::kConfiguration,
         "a grid of {} step sizes from {} to {} is none: it needs two at least, rising", count, low, high);
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
    for (const char* varied : {"method", "power", "learning_rate", "seed", "validation"}) {
      if (key == varied)
        fail(ExitCode::kConfiguration, "{} = {}: tuning varies this setting itself. HINT: leave it out", key,
             value);
    }
  }
  if (plan.methods.empty() || plan.powers.empty() || plan.rates.empty())
    fail(ExitCode::kConfiguration, "tuning needs a method, a power and a step size at least");
}

std::vector<Job> choosing_jobs(const TuningPlan& plan) {
  auto base = plan.base;
  base.emplace_back("validation", number_text(plan.validation));
  return make_jobs(base, {{"method", plan.methods},
                          {"power", plan.powers},
                          {"learning_rate", plan.rates},
                          seed_axis(plan.choosing_seeds)});
}

std::vector<ChosenRate> choose_rates(const TuningPlan& plan, std::span<const Run> runs) {
  const auto jobs = choosing_jobs(plan);
  LASER_CHECK(runs.size() == jobs.size());
  std::vector<ChosenRate> candidates;  // one for each method, power and rate, the accuracy summed over seeds
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const auto& e = jobs[j].experiment;
    const auto& summary = runs[j].summary;
    if (summary.status != "completed" && summary.status != "failed") {
      fail(ExitCode::kData, "the run {} is not complete. HINT: the same command with --resume goes on",
           jobs[j].name);
    }
    const bool diverged = summary.status == "failed" || !std::isfinite(summary.final_accuracy);
    const double accuracy = diverged ? 0.0 : summary.final_accuracy;
    ChosenRate candidate{e.method, power_of(e), number_text(e.learning_rate),
                         accuracy / static_cast<double>(plan.choosing_seeds)};
    const auto same = std::find_if(candidates.begin(), candidates.end(), [&](const ChosenRate& other) {
      return other.method == candidate.method && other.power == candidate.power &&
             other.rate == candidate.rate;
    });
    if (same == candidates.end()) {
      candidates.push_back(candidate);
    } else {
      same->accuracy += candidate.accuracy;
    }
  }
  std::vector<ChosenRate> chosen;
  for (const auto& candidate : candidates) {
    const auto same = std::find_if(chosen.begin(), chosen.end(), [&](const ChosenRate& other) {
      return other.method == candidate.method && other.power == candidate.power;
    });
    if (same == chosen.end()) {
      chosen.push_back(candidate);
    } else if (candidate.accuracy > same->accuracy) {
      *same = candidate;
    }
  }
  for (auto& choice : chosen) {
    const double rate = std::stod(choice.rate);
    choice.at_edge = rate == std::stod(plan.rates.front()) || rate == std::stod(plan.rates.back());
  }
  return chosen;
}

std::vector<Job> fixed_jobs(const TuningPlan& plan) {
  return make_jobs(plan.base, {{"method", plan.methods}, {"power", plan.powers}, seed_axis(plan.seeds)});
}

std::vector<Job> tuned_jobs(const TuningPlan& plan, std::span<const ChosenRate> chosen) {
  std::vector<Job> jobs;
  for (auto& job : fixed_jobs(plan)) {
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
