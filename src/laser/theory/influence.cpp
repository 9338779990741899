#include "laser/theory/influence.hpp"

#include <algorithm>
#include <cmath>

#include "laser/core/arguments.hpp"
#include "laser/power/factor_split.hpp"

namespace laser::theory {
namespace {

double real(std::int64_t count) { return static_cast<double>(count); }

struct Scaled {
  double squares = 0;  // sum (N_b / max N)^2
  double largest = 0;
};

// Checks the lists and returns what keeps sums of squares finite.
Scaled check_blocks(std::span<const std::int64_t> symbols, std::span<const double> norms) {
  require_at_least("the number of blocks", static_cast<std::int64_t>(symbols.size()), 1);
  require_length("the list of norms", norms.size(), symbols.size());
  for (const auto count : symbols) require_at_least("the symbol count D_b of a block", count, 1);
  require_all_nonnegative("the block norms", norms);
  Scaled scaled;
  scaled.largest = *std::ranges::max_element(norms);
  require_positive("the largest block norm", scaled.largest);
  for (const double norm : norms) scaled.squares += (norm / scaled.largest) * (norm / scaled.largest);
  return scaled;
}

}  // namespace

double signal_to_noise(std::int64_t m, std::int64_t n, double power) {
  require_matrix(m, n);
  require_positive("the power P", power);
  return power / (real(m) * real(n));
}

double influence_uncompressed(std::int64_t m, std::int64_t n, double power) {
  require_matrix(m, n);
  require_positive("the power P", power);
  return real(m) * real(n) / power;
}

double influence_one_shot_bound(std::int64_t m, std::int64_t n, std::int64_t rank, double power) {
  return rank_influence_bound(m, n, rank, power);
}

double influence_bound_ratio(std::int64_t m, std::int64_t n, std::int64_t rank, double power) {
  require_rank(rank, m, n);
  require_positive("the power P", power);
  return 4 * real(rank) / real(std::min(m, n)) + 4 * real(rank) * real(rank) / power;
}

double one_shot_noise_energy(std::int64_t m, std::int64_t n, std::span<const double> left_norms,
                             std::span<const double> right_norms, std::span<const double> left_energies,
                             std::span<const double> right_energies) {
  require_rank(static_cast<std::int64_t>(left_norms.size()), m, n);
  require_length("the list of right norms", right_norms.size(), left_norms.size());
  require_length("the list of left energies", left_energies.size(), left_norms.size());
  require_length("the list of right energies", right_energies.size(), left_norms.size());
  require_all_nonnegative("the left norms", left_norms);
  require_all_nonnegative("the right norms", right_norms);
  double noise = 0;
  for (std::size_t j = 0; j < left_norms.size(); ++j) {
    const double scale = left_norms[j] * right_norms[j];
    if (scale == 0) continue;
    require_positive("the energy of a left column", left_energies[j]);
    require_positive("the energy of a right column", right_energies[j]);
    const double left = real(m) / left_energies[j];
    const double right = real(n) / right_energies[j];
    noise += scale * scale * (left + right + left * right);
  }
  return noise;
}

double influence_two_phase(std::int64_t m, std::int64_t n, std::int64_t rank, double power, double phi) {
  require_rank(rank, m, n);
  require_positive("the power P", power);
  if (!(phi > 0 && phi < 1)) {
    fail(ExitCode::kConfiguration, "phi is {}: the first phase's part of the budget must lie in (0, 1)", phi);
  }
  return real(n) * real(rank) / ((1 - phi) * power);
}

double influence_alternating_even(std::int64_t m, std::int64_t n, std::int64_t rank, double power) {
  require_rank(rank, m, n);
  require_positive("the power P", power);
  return real(n) * real(rank) / power;
}

double influence_alternating_odd(std::int64_t m, std::int64_t n, std::int64_t rank, double power) {
  return influence_alternating_even(n, m, rank, power);
}

double influence_random_k(std::int64_t coordinates, double power) {
  require_at_least("the number of coordinates b", coordinates, 1);
  require_positive("the power P", power);
  return real(coordinates) / power;
}

double influence_blocks_norm(std::span<const std::int64_t> symbols, std::span<const double> norms,
                             double power) {
  require_positive("the power P", power);
  const auto scaled = check_blocks(symbols, norms);
  double sum = 0;
  double weighted = 0;
  for (std::size_t b = 0; b < symbols.size(); ++b) {
    sum += norms[b] / scaled.largest;
    weighted += real(symbols[b]) * norms[b] / scaled.largest;
  }
  return sum * weighted / (power * scaled.squares);
}

double influence_blocks_optimal(std::span<const std::int64_t> symbols, std::span<const double> norms,
                                double power) {
  require_positive("the power P", power);
  const auto scaled = check_blocks(symbols, norms);
  double sum = 0;
  for (std::size_t b = 0; b < symbols.size(); ++b)
    sum += std::sqrt(real(symbols[b])) * norms[b] / scaled.largest;
  return sum * sum / (power * scaled.squares);
}

double influence_workers(std::int64_t symbols, double power, std::span<const double> norms,
                         double mean_norm) {
  require_at_least("the number of symbols D", symbols, 1);
  require_positive("the power P", power);
  require_at_least("the number of workers k", static_cast<std::int64_t>(norms.size()), 1);
  require_all_nonnegative("the gradient norms", norms);
  require_positive("the norm of the mean gradient", mean_norm);
  const double ratio = *std::ranges::max_element(norms) / (static_cast<double>(norms.size()) * mean_norm);
  return real(symbols) / power * ratio * ratio;
}

double influence_workers_equal(std::int64_t symbols, double power, std::int64_t workers) {
  require_at_least("the number of workers k", workers, 1);
  return influence_random_k(symbols, power) / (real(workers) * real(workers));
}

double influence_workers_orthogonal(std::int64_t symbols, double power, std::int64_t workers) {
  require_at_least("the number of workers k", workers, 1);
  return influence_random_k(symbols, power) / real(workers);
}

double influence_downlink(std::int64_t symbols, double downlink_power) {
  require_at_least("the number of symbols D", symbols, 1);
  require_positive("the downlink power", downlink_power);
  return real(symbols) / downlink_power;
}

double influence_total(double uplink_influence, double downlink_influence) {
  require_nonnegative("the uplink influence", uplink_influence);
  require_nonnegative("the downlink influence", downlink_influence);
  return uplink_influence + downlink_influence * (1 + uplink_influence);
}

}  // namespace laser::theory
