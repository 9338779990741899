// Findings on Lemmas 7, 8 and 10: power splits and the one-shot influence factor.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "laser/power/factor_split.hpp"
#include "laser/theory/influence.hpp"
#include "laser/verify/factor_pair.hpp"
#include "laser/verify/findings.hpp"

namespace laser::verify {
namespace {

Check check(const std::string& subject, const std::string& quantity, const std::string& source, Claim claim,
            Estimate measured, double expected, std::int64_t samples = 0) {
  auto result = equality("", subject, quantity, source, measured, expected, samples);
  result.claim = claim;
  return result;
}

/// Orthonormal rows [count, size].
at::Tensor orthonormal_terms(std::int64_t count, std::int64_t size, std::uint64_t seed) {
  return std::get<0>(at::linalg_qr(decaying_matrix(size, count, 1, seed))).t().contiguous();
}

std::vector<double> real_vector(const at::Tensor& values) {
  const auto contiguous = values.contiguous();
  return {contiguous.data_ptr<double>(), contiguous.data_ptr<double>() + contiguous.numel()};
}

}  // namespace

double printed_alpha(std::int64_t m, std::int64_t n, double power) {
  const double of_m = 1 / static_cast<double>(m), of_n = 1 / static_cast<double>(n);
  const double root_m = std::sqrt(1 + power * of_m), root_n = std::sqrt(1 + power * of_n);
  return root_n * (root_m - root_n) / (of_m - of_n);
}

Finding factor_bound_for_tall_matrices(std::uint64_t seed, std::int64_t rounds) {
  Finding finding;
  finding.title = "The bound of Lemma 7 needs m <= n";
  finding.source = "spec 8.7; [LASER, Lemma 7]";
  finding.explanation =
      "Printed: lambda <= 4 n/P + 4 m n/P^2. For a tall matrix the best split already exceeds it; with "
      "max(m, n) in place of n it holds.";
  finding.columns = {
      "m", "n", "P", "lambda measured", "std error", "lambda*", "printed bound", "corrected bound"};
  constexpr std::int64_t kRows = 64, kColumns = 8;
  const auto left = orthonormal_terms(1, kRows, derived_seed(seed, 501));
  const auto right = orthonormal_terms(1, kColumns, derived_seed(seed, 502));
  std::uint32_t stream = 510;
  for (const double power : {100.0, 1000.0, 10000.0}) {
    const auto split = split_between_factors(kRows, kColumns, power);
    const std::vector<double> alpha{split.left_energy}, beta{split.right_energy};
    const auto measured = measure_factor_pair(left, right, alpha, beta, rounds, derived_seed(seed, stream++));
    const double m = kRows, n = kColumns;
    const double printed = 4 * n / power + 4 * m * n / (power * power);
    const double corrected = factor_influence_bound(kRows, kColumns, power);
    finding.rows.push_back(
        {m, n, power, measured.value, measured.standard_error, split.influence, printed, corrected});
    const auto subject = fmt::format("64 x 8, rank 1, P = {:g}", power);
    finding.checks.push_back(
        check(subject, "lambda over printed bound", "spec 8.7", Claim::kAtLeast, measured, printed, rounds));
    finding.checks.push_back(
        check(subject, "influence factor", "Lemma 7", Claim::kEqual, measured, split.influence, rounds));
    finding.checks.back().plain_ratio = true;
    finding.checks.push_back(check(subject, "influence factor", "Lemma 7, max(m, n)", Claim::kAtMost,
                                   measured, corrected, rounds));
  }
  return finding;
}

Finding closed_form_of_alpha() {
  Finding finding;
  finding.title = "The closed form of alpha* cancels where m is near n";
  finding.source = "spec 8.7; [LASER, Lemma 7]";
  finding.explanation =
      "The same number in exact arithmetic; in double the printed form loses digits to the difference of two "
      "nearly equal roots, and at m = n it is 0/0. Reference: 80-bit arithmetic.";
  finding.columns = {"m", "n", "P", "printed: relative error", "this code: relative error"};
  const std::vector<std::pair<std::int64_t, std::int64_t>> shapes{{64, 65}, {1024, 1025}, {50304, 50305}};
  for (const auto& [m, n] : shapes) {
    for (const double power : {0.01, 1.0}) {
      const long double root_m = std::sqrt(1 + static_cast<long double>(power) / static_cast<long double>(m));
      const long double root_n = std::sqrt(1 + static_cast<long double>(power) / static_cast<long double>(n));
      const long double exact = power * root_n / (root_m + root_n);
      const auto error = [exact](double value) {
        return static_cast<double>(std::abs((static_cast<long double>(value) - exact) / exact));
      };
      const double printed = error(printed_alpha(m, n, power));
      const double ours = error(split_between_factors(m, n, power).left_energy);
      finding.rows.push_back({static_cast<double>(m), static_cast<double>(n), power, printed, ours});
      const auto subject = fmt::format("{} x {}, P = {:g}", m, n, power);
      constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
      finding.checks.push_back(check(subject, "relative error, printed form", "spec 8.7", Claim::kAtLeast,
                                     {printed, 0}, 8 * kEpsilon));
      finding.checks.push_back(
          check(subject, "relative error, stable form", "spec 3.3", Claim::kAtMost, {ours, 0}, 4 * kEpsilon));
    }
  }
  return finding;
}

Finding rank_allocation_at_low_power(std::uint64_t seed, std::int64_t rounds) {
  Finding finding;
  finding.title = "The split of Lemma 8 is a rule, not a minimiser";
  finding.source = "spec 8.8; [LASER, Lemma 8]";
  finding.explanation =
      "P_j proportional to sqrt(kappa_j) meets the bound and is best to first order at high power; the exact "
      "minimiser (`laser theory ranks --optimal`) has a smaller lambda at low power.";
  finding.columns = {"P", "Lemma 8", "measured", "std error", "optimal", "measured ", "std error ", "gain %"};
  constexpr std::int64_t kRows = 24, kColumns = 40;
  const std::vector<double> kappa{0.9, 0.09, 0.01};
  const auto left = orthonormal_terms(3, kRows, derived_seed(seed, 521)) *
                    at::tensor(at::ArrayRef<double>(kappa), at::kDouble).sqrt().unsqueeze(1);
  const auto right = orthonormal_terms(3, kColumns, derived_seed(seed, 522));
  std::uint32_t stream = 530;
  for (const double power : {1.0, 10.0, 1000.0, 100000.0}) {
    std::vector<double> row{power};
    double lambdas[2] = {};
    for (const auto rule : {RankAllocation::sqrt_kappa, RankAllocation::optimal}) {
      const auto split = split_over_ranks(kRows, kColumns, power, kappa, rule);
      const auto measured = measure_factor_pair(left, right, split.left_energies, split.right_energies,
                                                rounds, derived_seed(seed, stream++));
      const bool optimal = rule == RankAllocation::optimal;
      lambdas[optimal] = split.influence;
      row.insert(row.end(), {split.influence, measured.value, measured.standard_error});
      finding.checks.push_back(
          check(fmt::format("kappa .9 .09 .01, {}, P = {:g}", optimal ? "optimal" : "Lemma 8", power),
                "influence factor", "spec 3.4", Claim::kEqual, measured, split.influence, rounds));
      finding.checks.back().plain_ratio = true;
    }
    row.push_back(100 * (1 - lambdas[1] / lambdas[0]));
    finding.rows.push_back(row);
    finding.checks.push_back(check(fmt::format("kappa .9 .09 .01, P = {:g}", power),
                                   "lambda optimal / Lemma 8", "spec 3.4", Claim::kAtMost,
                                   {lambdas[1] / lambdas[0], 0}, 1));
  }
  finding.checks.push_back(check("kappa .9 .09 .01, P = 1", "gain of the optimal split, %", "spec 8.8",
                                 Claim::kAtLeast, {finding.rows.front().back(), 0}, 5));
  return finding;
}

Finding terms_that_cancel(std::uint64_t seed, std::int64_t rounds) {
  Finding finding;
  finding.title = "Lemma 10 needs mutually orthogonal rank-one terms";
  finding.source = "spec 8.9; [LASER, Lemma 10]";
  finding.explanation =
      "M = p_1 q^T - p_2 q^T with an angle between p_1 and p_2: the terms cancel, their noise does not, and "
      "lambda grows like 1/angle^2 past the bound. The exact noise energy of spec 2.4 holds for all.";
  finding.columns = {"angle", "lambda measured", "std error", "exact, any factors", "Lemma 10 bound",
                     "ratio"};
  constexpr std::int64_t kRows = 24, kColumns = 40;
  constexpr double kPower = 3000;
  const auto frame = orthonormal_terms(2, kRows, derived_seed(seed, 541));
  const auto q = orthonormal_terms(1, kColumns, derived_seed(seed, 542));
  const auto right = at::cat({q, q});
  const double bound = theory::influence_one_shot_bound(kRows, kColumns, 2, kPower);
  const std::vector<double> equal{0.5, 0.5};
  const auto split = split_over_ranks(kRows, kColumns, kPower, equal);
  std::uint32_t stream = 550;
  for (const double angle : {std::acos(0.0), 1.0, 0.3, 0.1, 0.03}) {
    const auto left =
        at::stack({frame[0], -(frame[0] * std::cos(angle) + frame[1] * std::sin(angle))}).contiguous();
    const auto measured = measure_factor_pair(left, right, split.left_energies, split.right_energies, rounds,
                                              derived_seed(seed, stream++));
    const double energy = at::mm(left.t(), right).pow(2).sum().item<double>();
    const double exact = theory::one_shot_noise_energy(kRows, kColumns, real_vector(left.norm(2, {1})),
                                                       real_vector(right.norm(2, {1})), split.left_energies,
                                                       split.right_energies) /
                         energy;
    finding.rows.push_back(
        {angle, measured.value, measured.standard_error, exact, bound, measured.value / bound});
    const auto subject = fmt::format("two terms, angle {:.3g}, P = {:g}", angle, kPower);
    finding.checks.push_back(
        check(subject, "influence factor", "spec 2.4 B", Claim::kEqual, measured, exact, rounds));
    finding.checks.back().plain_ratio = true;
    const bool orthogonal = angle > 1.5;
    if (orthogonal || angle < 0.5) {
      finding.checks.push_back(check(subject, "influence factor", orthogonal ? "Lemma 10" : "spec 8.9",
                                     orthogonal ? Claim::kAtMost : Claim::kAtLeast, measured, bound, rounds));
    }
  }
  return finding;
}

}  // namespace laser::verify
