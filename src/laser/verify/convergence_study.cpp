#include "laser/verify/convergence_study.hpp"

#include <algorithm>
#include <cmath>

#include "laser/core/collect.hpp"
#include "laser/core/error.hpp"
#include "laser/theory/influence.hpp"
#include "laser/verify/moments.hpp"

namespace laser::verify {
namespace {

constexpr Case kCases[] = {Case::kQuasiConvex, Case::kConvex, Case::kNonConvex};
constexpr Method kMethods[] = {Method::kFresh, Method::kWarm, Method::kNoFeedback, Method::kZsgd};
constexpr double kSlopeTolerance = 0.15;
constexpr double kSettled = 8;               // gamma L T from which on the start no longer shapes a curve
constexpr double kSmallestStepShare = 1e-4;  // of the largest step, in the search for the best
constexpr int kStepsTried = 801;
constexpr double kGuaranteedQuality = static_cast<double>(kStudyRank) / static_cast<double>(kStudyColumns);
constexpr std::int64_t kLongestWarmRun = 8192;
constexpr double kCommonStepShare = 0.7;  // of LASER's best step: Z-SGD at SNR 0.1 allows it too

double study_variance() {
  return kEntryDeviation * kEntryDeviation * static_cast<double>(kStudyRows * kStudyColumns);
}

double power_of(double snr) { return snr * static_cast<double>(kStudyRows * kStudyColumns); }

std::string theorem(Case kind, Method method) {
  const char* part = kind == Case::kQuasiConvex ? "(i)" : kind == Case::kConvex ? "(ii)" : "(iii)";
  return std::string("Theorem 1 ") + part + (method == Method::kZsgd ? ", (iv)" : "");
}

double log_log_slope(std::span<const double> x, std::span<const double> y) {
  double mean_x = 0, mean_y = 0, above = 0, below = 0;
  const auto count = static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += std::log(x[i]) / count;
    mean_y += std::log(y[i]) / count;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    above += (std::log(x[i]) - mean_x) * (std::log(y[i]) - mean_y);
    below += (std::log(x[i]) - mean_x) * (std::log(x[i]) - mean_x);
  }
  return above / below;
}

double bound_at(const Objective& objective, const theory::Problem& problem, std::int64_t last_round,
                double step) {
  return objective.kind() == Case::kNonConvex
             ? theory::nonconvex_bound_at(problem, last_round, objective.gap(), step)
             : theory::quasi_convex_bound_at(problem, last_round, objective.squared_distance(), step);
}

/// The sweep over the SNR gives all methods one step, so that only the channel differs.
theory::Bound bound_at_common_step(const Objective& objective, const theory::Problem& problem,
                                   std::int64_t last_round) {
  const auto reference =
      study_problem(objective, Method::kFresh, power_of(kStudySnr), kStudyRank, problem.gradient_variance);
  const double step = kCommonStepShare * study_bound(objective, reference, last_round).step;
  if (step > theory::largest_step(problem)) return {step, 0, 0};  // outside the theorem
  const double value = bound_at(objective, problem, last_round, step);
  return {step, value, value};
}

/// Mean and standard error; where a run diverged the mean is infinite and has no error.
Estimate estimate_of(const std::vector<double>& values) {
  if (std::ranges::any_of(values, [](double v) { return !std::isfinite(v); })) return {INFINITY, 0};
  return mean_of(values);
}

}  // namespace

theory::Problem study_problem(const Objective& objective, Method method, double power, std::int64_t rank,
                              double variance) {
  theory::Problem problem;
  problem.smoothness = objective.smoothness();
  problem.quasi_convexity = objective.quasi_convexity();
  problem.gradient_variance = variance;
  const auto m = objective.rows(), n = objective.columns();
  if (method == Method::kZsgd)
    return theory::uncompressed_problem(problem, theory::influence_uncompressed(m, n, power));
  problem.compression_quality = static_cast<double>(rank) / static_cast<double>(n);
  problem.influence = theory::influence_one_shot_bound(m, n, rank, power);
  return problem;
}

theory::Bound study_bound(const Objective& objective, const theory::Problem& problem,
                          std::int64_t last_round) {
  if (objective.kind() == Case::kConvex)
    return theory::convex_bound(problem, last_round, objective.squared_distance());
  if (objective.kind() == Case::kNonConvex)
    return theory::nonconvex_bound(problem, last_round, objective.gap());
  theory::Bound best;
  const double largest = theory::largest_step(problem);
  for (int i = 0; i < kStepsTried; ++i) {
    const double step = largest * std::pow(kSmallestStepShare, i / (kStepsTried - 1.0));
    const double value = bound_at(objective, problem, last_round, step);
    if (i == 0 || value < best.value) best = {step, value, value};
  }
  return best;
}

Check bound_check(const StudyPoint& point) {
  LASER_CHECK(point.covered);
  Check check;
  check.group = "convergence";
  check.subject = fmt::format("{}, {}, T = {}, SNR {:g}", case_name(point.kind), method_name(point.method),
                              point.last_round, point.snr);
  check.quantity = point.kind == Case::kNonConvex ? "E ||grad f(out)||^2" : "E f(out) - f*";
  check.source = theorem(point.kind, point.method);
  check.claim = Claim::kAtMost;
  check.measured = {point.measured.value, 0};
  check.expected = point.bound;
  check.samples = static_cast<std::int64_t>(point.values.size());
  check.power = power_of(point.snr);
  return check;
}

ConvergenceStudy::ConvergenceStudy(std::uint64_t seed, StudySize size) : seed_(seed), size_(std::move(size)) {
  for (const auto kind : kCases) objectives_.emplace_back(kind, kStudyRows, kStudyColumns);
  for (const auto kind : kCases) {
    for (const auto method : kMethods) {
      for (const auto rounds : size_.rounds) {
        // Without feedback the sweep over the SNR is enough; the longest runs are for the theorem's curves.
        const bool covered = method == Method::kFresh || method == Method::kZsgd;
        if (covered || (method == Method::kWarm && rounds <= kLongestWarmRun))
          add_point(kind, method, true, rounds, kStudySnr);
      }
      for (const double snr : size_.snrs) add_point(kind, method, false, size_.snr_rounds, snr);
    }
  }
}

void ConvergenceStudy::add_point(Case kind, Method method, bool over_rounds, std::int64_t last_round,
                                 double snr) {
  StudyPoint point;
  point.kind = kind;
  point.method = method;
  point.over_rounds = over_rounds;
  point.last_round = last_round;
  point.snr = snr;
  const auto& objective = objectives_[static_cast<std::size_t>(kind)];
  const auto problem = study_problem(objective, method, power_of(snr), kStudyRank, study_variance());
  const auto bound = over_rounds ? study_bound(objective, problem, last_round)
                                 : bound_at_common_step(objective, problem, last_round);
  point.influence = problem.influence;
  point.covered = bound.step <= theory::largest_step(problem) && method != Method::kNoFeedback &&
                  (method == Method::kZsgd || theory::assumption5_holds(problem));
  point.step = bound.step;
  point.noise_limited = bound.step < 0.999 * theory::largest_step(problem);
  point.settled = bound.step * problem.smoothness * static_cast<double>(last_round) >= kSettled;
  point.bound = bound.value;
  points_.push_back(point);
  runs_.emplace_back(static_cast<std::size_t>(size_.repetitions));
}

std::vector<Task> ConvergenceStudy::tasks() {
  std::vector<Task> tasks;
  for (std::size_t p = 0; p < points_.size(); ++p) {
    const auto& point = points_[p];
    const auto& objective = objectives_[static_cast<std::size_t>(point.kind)];
    DescentOptions options;
    options.method = point.method;
    options.rank = kStudyRank;
    options.power = power_of(point.snr);
    options.step = point.step;
    options.last_round = point.last_round;
    options.gradient_variance = study_variance();
    options.weight_decay = objective.quasi_convexity() * point.step / 2;
    for (std::size_t j = 0; j < runs_[p].size(); ++j) {
      options.seed = derived_seed(seed_, static_cast<std::uint32_t>(1000 + p * runs_[p].size() + j));
      const double cost = point.method == Method::kZsgd ? 0.4 : 1.0;
      tasks.push_back({cost * static_cast<double>(point.last_round),
                       fmt::format("{}, {}", case_name(point.kind), method_name(point.method)),
                       [this, p, j, options, &objective] { runs_[p][j] = descend(objective, options); }});
    }
  }
  return tasks;
}

void ConvergenceStudy::finish() {
  for (std::size_t p = 0; p < points_.size(); ++p) {
    auto& point = points_[p];
    const auto count = static_cast<double>(runs_[p].size());
    point.values.clear();
    for (const auto& run : runs_[p]) {
      point.values.push_back(point.kind == Case::kNonConvex ? run.squared_gradient : run.gap);
      point.measured_influence += run.influence / count;
      point.mean_quality += run.mean_quality / count;
      point.least_quality = std::min(point.least_quality, run.least_quality);
      point.diverged = point.diverged || run.diverged;
    }
    point.measured = estimate_of(point.values);
    // Carried-over bases promise nothing: A4 is what was seen along the runs.
    if (point.method == Method::kWarm && point.least_quality < kGuaranteedQuality) point.covered = false;
  }
  add_slopes();
}

void ConvergenceStudy::add_slopes() {
  for (const auto kind : kCases) {
    for (const auto method : {Method::kFresh, Method::kWarm, Method::kZsgd}) {
      std::vector<double> rounds, bounds;
      std::vector<std::vector<double>> values(static_cast<std::size_t>(size_.repetitions));
      for (const auto& point : points_) {
        if (point.kind != kind || point.method != method || !point.over_rounds) continue;
        if (!point.noise_limited || !point.settled || point.diverged) continue;
        rounds.push_back(static_cast<double>(point.last_round) + 1);
        bounds.push_back(point.bound);
        for (std::size_t j = 0; j < values.size(); ++j) values[j].push_back(point.values[j]);
      }
      if (rounds.size() < 3) continue;
      const auto slopes = collect(values, [&](const auto& run) { return log_log_slope(rounds, run); });
      slopes_.push_back({kind, method, mean_of(slopes), log_log_slope(rounds, bounds),
                         static_cast<std::int64_t>(rounds.size())});
    }
  }
}

std::vector<Check> ConvergenceStudy::checks() const {
  std::vector<Check> checks;
  for (const auto& point : points_) {
    if (point.covered) checks.push_back(bound_check(point));
  }
  for (const auto& slope : slopes_) {
    Check check;
    check.group = "convergence";
    check.subject = fmt::format("{}, {}", case_name(slope.kind), method_name(slope.method));
    check.quantity = fmt::format("log-log slope over {} values of T", slope.points);
    check.source = theorem(slope.kind, slope.method);
    check.measured = slope.measured;
    check.expected = slope.of_bound;
    check.tolerance = kSlopeTolerance;
    check.samples = size_.repetitions;
    checks.push_back(check);
  }
  add_premises(checks);
  return checks;
}

void ConvergenceStudy::add_premises(std::vector<Check>& checks) const {
  for (const auto kind : kCases) {
    for (const auto method : {Method::kFresh, Method::kWarm}) {
      double quality = 1, influence_share = 0;
      for (const auto& point : points_) {
        if (point.kind != kind || point.method != method || !point.covered) continue;
        quality = std::min(quality, point.mean_quality);
        influence_share = std::max(influence_share, point.measured_influence / point.influence);
      }
      Check check;
      check.group = "convergence";
      check.subject = fmt::format("{}, {}, all covered runs", case_name(kind), method_name(method));
      check.samples = size_.repetitions;
      check.quantity = "mean delta of a run, smallest";
      check.source = "Assumption 4";
      check.claim = Claim::kAtLeast;
      check.measured = {quality, 0};
      check.expected = kGuaranteedQuality;
      if (method == Method::kFresh) checks.push_back(check);
      check.quantity = "mean lambda over its bound, largest";
      check.source = "Lemma 10";
      check.claim = Claim::kAtMost;
      check.measured = {influence_share, 0};
      check.expected = 1;
      checks.push_back(check);
    }
  }
}

}  // namespace laser::verify
