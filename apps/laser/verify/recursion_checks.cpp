#include "laser/verify/recursion_checks.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/verify/moments.hpp"

namespace laser::verify {
namespace {

constexpr std::int64_t kRunsATask = 8;
constexpr std::uint32_t kRecursionSeed = 2000;  // of this part among the derived seeds
constexpr std::size_t kCurvePoints = 16;

using Total = double theory::MomentTotals::*;

/// The first rounds belong to the start, which the channel hardly touches.
std::size_t first_counted(std::int64_t rounds) { return static_cast<std::size_t>(rounds / 8); }

double mean_over_rounds(const Trajectory& run, Total total) {
  const auto first = first_counted(static_cast<std::int64_t>(run.size()));
  double sum = 0;
  for (std::size_t t = first; t < run.size(); ++t) sum += run[t].*total;
  return sum / static_cast<double>(run.size() - first);
}

Estimate measured(const std::vector<Trajectory>& runs, Total total) {
  const auto values = collect(runs, [&](const Trajectory& run) { return mean_over_rounds(run, total); });
  if (std::ranges::any_of(values, [](double v) { return !std::isfinite(v); })) return {INFINITY, 0};
  return mean_of(values);
}

double predicted_distance(const QuadraticSubject& subject) {
  return mean_over_rounds(predict(subject), &theory::MomentTotals::distance);
}

}  // namespace

Estimate one_plus_influence(const QuadraticSubject& subject, const Estimate& distance) {
  // Secant on the logarithm of the distance over that of the factor of lambda.
  const double influence = subject_influence(subject);
  const auto log_distance = [&](double log_factor) {
    return std::log(predicted_distance(with_influence_times(subject, std::exp(log_factor))));
  };
  const double wanted = std::log(distance.value);
  double low = 0, high = 0.05, at_low = log_distance(low), at_high = log_distance(high), slope = 0;
  for (int i = 0; i < 40; ++i) {
    slope = (at_high - at_low) / (high - low);
    const double next = high + std::clamp((wanted - at_high) / slope, -0.5, 0.5);
    if (!std::isfinite(next)) return {std::numeric_limits<double>::quiet_NaN(), 0};
    if (std::abs(next - high) < 1e-9) break;
    low = high, at_low = at_high;
    high = next, at_high = log_distance(next);
  }
  const double found = influence * std::exp(high);
  // d lambda = lambda d(log lambda) = lambda d(log distance)/slope.
  return {1 + found, found / std::abs(slope) * distance.standard_error / distance.value};
}

std::vector<Check> recursion_checks_of(const QuadraticSubject& claimed, const std::vector<Trajectory>& runs) {
  const auto expected = predict(claimed);
  std::vector<Check> checks;
  const auto add = [&](const char* quantity, Estimate estimate, double formula) {
    Check check;
    check.group = "recursion";
    check.subject = claimed.name;
    check.quantity = quantity;
    check.source = "docs/theory.md 6.3";
    check.measured = estimate;
    check.expected = formula;
    check.samples = static_cast<std::int64_t>(runs.size() * runs.front().size());
    check.power = claimed.round.power;
    checks.push_back(check);
  };
  const auto add_total = [&](const char* quantity, Total total) {
    const double formula = mean_over_rounds(expected, total);
    add(quantity, measured(runs, total), formula);
  };
  const auto distance = measured(runs, &theory::MomentTotals::distance);
  add("1 + lambda", one_plus_influence(claimed, distance), 1 + subject_influence(claimed));
  add_total("E ||x - e||^2", &theory::MomentTotals::distance);
  add_total("E f(x) - f*", &theory::MomentTotals::gap);
  if (!claimed.round.feedback) return checks;
  add_total("E ||e||^2, one worker", &theory::MomentTotals::own_memory);
  if (claimed.round.workers > 1) add_total("E ||e||^2, mean of the workers", &theory::MomentTotals::memory);
  return checks;
}

Check resolution_check(const Check& one_plus_lambda, double resolution) {
  auto check = one_plus_lambda;
  check.quantity = fmt::format("{:g} standard errors of 1 + lambda, relative", kFailing);
  check.claim = Claim::kAtMost;
  check.measured = {kFailing * one_plus_lambda.measured.standard_error / one_plus_lambda.measured.value, 0};
  check.expected = resolution;
  return check;
}

RecursionChecks::RecursionChecks(std::uint64_t seed, RecursionSize size)
    : seed_(seed), size_(size), controls_(recursion_controls(size.rounds)) {
  for (const auto& subject : recursion_subjects(size.rounds)) {
    const auto runs = static_cast<std::size_t>(size.runs * subject.repetitions);
    subjects_.push_back({subject, subject, std::vector<Trajectory>(runs)});
  }
  for (const auto& control : controls_) {
    control_entries_.push_back({control.truth, control.claimed,
                                std::vector<Trajectory>(static_cast<std::size_t>(size.control_runs))});
  }
}

std::vector<Task> RecursionChecks::tasks_of(Entry& entry, std::uint32_t index) const {
  std::vector<Task> tasks;
  const auto count = static_cast<std::int64_t>(entry.runs.size());
  const double cost = 1 + static_cast<double>(entry.truth.round.workers) / 4;
  for (std::int64_t first = 0; first < count; first += kRunsATask) {
    const auto last = std::min(count, first + kRunsATask);
    const auto run = [this, &entry, first, last, index] {
      for (auto i = first; i < last; ++i) {
        const auto seed = derived_seed(seed_, kRecursionSeed + 1000 * index + static_cast<std::uint32_t>(i));
        entry.runs[static_cast<std::size_t>(i)] = simulate(entry.truth, seed);
      }
    };
    tasks.push_back({cost * static_cast<double>((last - first) * entry.truth.rounds), entry.truth.name, run});
  }
  return tasks;
}

std::vector<Task> RecursionChecks::tasks() {
  std::vector<Task> tasks;
  std::uint32_t index = 0;
  for (auto* list : {&subjects_, &control_entries_}) {
    for (auto& entry : *list) {
      auto some = tasks_of(entry, index++);
      tasks.insert(tasks.end(), some.begin(), some.end());
    }
  }
  return tasks;
}

std::vector<Check> RecursionChecks::checks() const {
  std::vector<Check> checks;
  for (const auto& entry : subjects_) {
    const auto some = recursion_checks_of(entry.claimed, entry.runs);
    checks.insert(checks.end(), some.begin(), some.end());
    checks.push_back(resolution_check(some.front(), size_.resolution));
  }
  return checks;
}

std::vector<ControlResult> RecursionChecks::controls() const {
  std::vector<ControlResult> results;
  for (std::size_t i = 0; i < controls_.size(); ++i) {
    const auto checks = recursion_checks_of(controls_[i].claimed, control_entries_[i].runs);
    ControlResult result{controls_[i].name, controls_[i].claimed.name,
                         static_cast<std::int64_t>(checks.size()),
                         static_cast<std::int64_t>(failures(checks).size()), checks.front()};
    for (const auto& check : checks) {
      if (!(std::abs(check.score()) <= std::abs(result.worst.score()))) result.worst = check;
    }
    results.push_back(result);
  }
  return results;
}

std::vector<MomentCurve> RecursionChecks::curves() const {
  std::vector<MomentCurve> curves;
  for (const auto& entry : subjects_) {
    MomentCurve curve{entry.claimed.name,
                      entry.claimed.round.workers,
                      subject_influence(entry.claimed),
                      entry.claimed.round.gradient_noise_factor,
                      {},
                      {},
                      {}};
    const auto expected = predict(entry.claimed);
    // Places in equal ratios from the first round to the last.
    for (std::size_t p = 0; p < kCurvePoints; ++p) {
      const auto t =
          static_cast<std::size_t>(std::llround(
              std::pow(static_cast<double>(expected.size()), static_cast<double>(p) / (kCurvePoints - 1)))) -
          1;
      if (!curve.rounds.empty() && curve.rounds.back() == static_cast<std::int64_t>(t) + 1) continue;
      curve.rounds.push_back(static_cast<std::int64_t>(t) + 1);
      curve.measured.push_back(
          mean_of(collect(entry.runs, [&](const Trajectory& run) { return run[t].distance; })));
      curve.expected.push_back(expected[t].distance);
    }
    curves.push_back(curve);
  }
  return curves;
}

}  // namespace laser::verify
