#include "laser/verify/theorem.hpp"

#include <cmath>

#include "laser/core/fail.hpp"
#include "laser/theory/influence.hpp"
#include "laser/theory/second_moments.hpp"
#include "laser/verify/lemma_runs.hpp"

namespace laser::verify {
namespace {

constexpr double kSmallestStepShare = 1e-4;  // of the largest step, in the search for the best
constexpr int kStepsTried = 801;

theory::Bound best_bound(const theory::Problem& problem, std::int64_t last_round, double squared_distance) {
  theory::Bound best;
  const double largest = theory::largest_step(problem);
  for (int i = 0; i < kStepsTried; ++i) {
    const double step = largest * std::pow(kSmallestStepShare, i / (kStepsTried - 1.0));
    const double value = theory::quasi_convex_bound_at(problem, last_round, squared_distance, step);
    if (i == 0 || value < best.value) best = {step, value, value};
  }
  return best;
}

/// E f(out) - f*: out is x_t with probability proportional to (1 - mu gamma/2)^-t.
double expected_gap(const theory::Quadratic& quadratic, const std::vector<double>& start,
                    const theory::QuadraticRound& round, double weight_decay, std::int64_t last_round) {
  auto moments = theory::SecondMoments::at(start);
  double weight = 0, gap = 0;  // relative to the newest weight
  for (std::int64_t t = 0;; ++t) {
    weight = weight * (1 - weight_decay) + 1;
    gap = gap * (1 - weight_decay) + theory::totals(quadratic, moments).gap;
    if (t == last_round) return gap / weight;
    moments = theory::advance(quadratic, round, moments);
  }
}

TheoremRow row_of(const std::string& method, const LemmaSetting& setting, const theory::Problem& problem,
                  theory::QuadraticRound round, std::int64_t last_round) {
  const auto& objective = setting.objective;
  const auto bound = best_bound(problem, last_round, objective.squared_distance());
  const theory::Quadratic quadratic{objective.rows(), objective.columns(), objective.curvature()};
  round.step = bound.step;
  round.power = setting.power;
  round.gradient_noise_factor = problem.gradient_noise_factor;
  round.gradient_variance = problem.gradient_variance;
  const double decay = problem.quasi_convexity * bound.step / 2;
  return {method,
          last_round,
          problem.influence,
          bound.step,
          expected_gap(quadratic, objective.start(), round, decay, last_round),
          bound.value};
}

}  // namespace

std::vector<TheoremRow> theorem_rows(const std::vector<std::int64_t>& last_rounds) {
  const auto setting = lemma_setting(Case::kQuasiConvex, true);
  const auto zsgd = theory::uncompressed_problem(
      setting.problem, theory::influence_uncompressed(kLemmaRows, kLemmaColumns, setting.power));
  theory::QuadraticRound whole, factor;
  whole.feedback = false;
  factor.sent = theory::Sent::row_space;
  factor.size = kLemmaRank;
  std::vector<TheoremRow> rows;
  for (const auto last_round : last_rounds) {
    rows.push_back(row_of("LASER", setting, setting.problem, factor, last_round));
    rows.push_back(row_of("Z-SGD", setting, zsgd, whole, last_round));
  }
  return rows;
}

Check theorem_check(const TheoremRow& row) {
  Check check;
  check.group = "theorem";
  check.subject = fmt::format("quasi-convex, {}, T = {}", row.method, row.last_round);
  check.quantity = "E f(out) - f*";
  check.source = row.method == "Z-SGD" ? "Theorem 1 (i), (iv)" : "Theorem 1 (i)";
  check.claim = Claim::kAtMost;
  check.measured = {row.left, 0};
  check.expected = row.right;
  return check;
}

}  // namespace laser::verify
