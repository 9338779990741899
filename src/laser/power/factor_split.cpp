#include "laser/power/factor_split.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "laser/core/arguments.hpp"

namespace laser {
namespace {

constexpr int kMultiplierSteps = 100;  // halvings of the bracket of log mu: to the last bit
constexpr int kInverseSteps = 80;      // each divides the error of log P_j by 5 or more
constexpr double kMeanLogSlope = 2.5;  // -d log(-f*') / d log P lies between 2 (high power) and 3 (low power)

// log(-d f*/dP). By the envelope theorem d f*/dP = (1 + m/alpha*) * d(1 + n/beta)/d beta at beta*.
double log_marginal_gain(std::int64_t m, std::int64_t n, double energy) {
  const auto split = split_between_factors(m, n, energy);
  return std::log1p(static_cast<double>(m) / split.left_energy) + std::log(static_cast<double>(n)) -
         2 * std::log(split.right_energy);
}

// The energy at which kappa * (-f*') equals the multiplier: a damped fixed point in log P, whose factor
// |1 - slope / 2.5| is at most 0.2.
double energy_at_multiplier(std::int64_t m, std::int64_t n, double log_kappa, double log_multiplier,
                            double first_guess) {
  double log_energy = std::log(first_guess);
  for (int i = 0; i < kInverseSteps; ++i) {
    const double step =
        (log_kappa + log_marginal_gain(m, n, std::exp(log_energy)) - log_multiplier) / kMeanLogSlope;
    log_energy += step;
    if (std::abs(step) < std::numeric_limits<double>::epsilon()) break;
  }
  return std::exp(log_energy);
}

// Scales so that the sum is `total`; zero weights stay zero.
std::vector<double> proportional(double total, std::vector<double> weights) {
  const double largest = std::ranges::max(weights);
  for (double& weight : weights) weight /= largest;
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight *= total / sum;
  return weights;
}

std::vector<double> sqrt_kappa_energies(double energy, std::span<const double> kappa) {
  std::vector<double> weights(kappa.size());
  std::ranges::transform(kappa, weights.begin(), [](double value) { return std::sqrt(value); });
  return proportional(energy, std::move(weights));
}

// Minimises sum_j kappa_j f*(P_j), sum_j P_j = P: at the optimum kappa_j (-f*'(P_j)) is the same multiplier
// mu for all j with kappa_j > 0. sum_j P_j(mu) falls with mu; at the ends of the bracket it is >= P and <= P.
std::vector<double> optimal_energies(std::int64_t m, std::int64_t n, double energy,
                                     std::span<const double> kappa) {
  const double log_largest = std::log(std::ranges::max(kappa));
  double low = log_largest + log_marginal_gain(m, n, energy);
  double high = log_largest + log_marginal_gain(m, n, energy / static_cast<double>(kappa.size()));
  auto energies = sqrt_kappa_energies(energy, kappa);
  for (int i = 0; i < kMultiplierSteps && low < high; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    double sum = 0;
    for (std::size_t j = 0; j < kappa.size(); ++j) {
      if (kappa[j] == 0) continue;
      energies[j] = energy_at_multiplier(m, n, std::log(kappa[j]), middle, energies[j]);
      sum += energies[j];
    }
    (sum > energy ? low : high) = middle;
  }
  return proportional(energy, std::move(energies));
}

}  // namespace

FactorSplit split_between_factors(std::int64_t m, std::int64_t n, double energy) {
  require_matrix(m, n);
  require_positive("the energy P", energy);
  const double left_root = std::sqrt(1 + energy / static_cast<double>(m));
  const double right_root = std::sqrt(1 + energy / static_cast<double>(n));
  FactorSplit split;
  split.left_energy = energy * (right_root / (left_root + right_root));
  split.right_energy = energy * (left_root / (left_root + right_root));
  // f* - 1 written as a sum of positive terms, so that nothing cancels when lambda* is tiny: with u = m/P, v
  // = n/P, sqrt(f*) = sqrt(u v) + sqrt((1 + u)(1 + v)).
  const double u = static_cast<double>(m) / energy;
  const double v = static_cast<double>(n) / energy;
  split.influence = u + v + 2 * u * v + 2 * std::sqrt(u * (1 + v)) * std::sqrt(v * (1 + u));
  split.amplification = 1 + split.influence;
  return split;
}

double factor_influence_bound(std::int64_t m, std::int64_t n, double energy) {
  return rank_influence_bound(m, n, 1, energy);
}

RankSplit split_over_ranks(std::int64_t m, std::int64_t n, double energy, std::span<const double> kappa,
                           RankAllocation allocation) {
  require_rank(static_cast<std::int64_t>(kappa.size()), m, n);
  require_positive("the energy P", energy);
  require_all_nonnegative("kappa", kappa);
  RankSplit split;
  split.energies.assign(kappa.size(), 0.0);
  split.left_energies = split.right_energies = split.energies;
  if (std::ranges::all_of(kappa, [](double value) { return value == 0; })) return split;

  const auto shares = proportional(1.0, std::vector<double>(kappa.begin(), kappa.end()));
  split.energies = allocation == RankAllocation::optimal ? optimal_energies(m, n, energy, shares)
                                                         : sqrt_kappa_energies(energy, shares);
  for (std::size_t j = 0; j < shares.size(); ++j) {
    if (split.energies[j] == 0) continue;
    const auto term = split_between_factors(m, n, split.energies[j]);
    split.left_energies[j] = term.left_energy;
    split.right_energies[j] = term.right_energy;
    split.influence += shares[j] * term.influence;
  }
  return split;
}

double rank_influence_bound(std::int64_t m, std::int64_t n, std::int64_t rank, double energy) {
  require_rank(rank, m, n);
  require_positive("the energy P", energy);
  const auto r = static_cast<double>(rank);
  const double longer = r * static_cast<double>(std::max(m, n)) / energy;
  const double shorter = r * static_cast<double>(std::min(m, n)) / energy;
  return 4 * longer + 4 * longer * shorter;
}

std::vector<double> split_over_columns(double energy, std::span<const double> column_norms) {
  require_nonnegative("the energy of a factor", energy);
  require_all_nonnegative("the column norms", column_norms);
  if (column_norms.empty()) return {};
  std::vector<double> weights(column_norms.begin(), column_norms.end());
  if (std::ranges::max(weights) == 0) weights.assign(weights.size(), 1.0);
  return proportional(energy, std::move(weights));
}

}  // namespace laser
