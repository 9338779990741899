#include "laser/theory/channel_noise.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "laser/core/arguments.hpp"

namespace laser::theory {
namespace {

double check_workers(std::span<const double> norms) {
  require_at_least("the number of workers k", static_cast<std::int64_t>(norms.size()), 1);
  require_all_nonnegative("the norms", norms);
  return static_cast<double>(norms.size());
}

void check_energies(std::span<const double> norms, std::span<const double> energies) {
  require_length("the list of energies", energies.size(), norms.size());
  for (const double energy : energies) require_positive("a worker's energy", energy);
}

void check_gains(std::span<const double> norms, std::span<const double> gains) {
  require_length("the list of gains", gains.size(), norms.size());
  for (const double gain : gains) {
    if (!std::isfinite(gain)) fail(ExitCode::kConfiguration, "a channel gain is {}: it must be finite", gain);
  }
}

// sum N_i^2.
double sum_of_squares(std::span<const double> norms) {
  return std::inner_product(norms.begin(), norms.end(), norms.begin(), 0.0);
}

}  // namespace

double noise_std(std::span<const double> norms, double energy) {
  const double k = check_workers(norms);
  require_nonnegative("the block energy", energy);
  const double largest = *std::ranges::max_element(norms);
  return largest == 0 || energy == 0 ? 0.0 : largest / (k * std::sqrt(energy));
}

std::vector<double> spent_energy(std::span<const double> norms, double energy) {
  check_workers(norms);
  require_nonnegative("the block energy", energy);
  const double largest = *std::ranges::max_element(norms);
  std::vector<double> spent(norms.size(), 0.0);
  if (largest == 0) return spent;
  for (std::size_t i = 0; i < norms.size(); ++i)
    spent[i] = energy * (norms[i] / largest) * (norms[i] / largest);
  return spent;
}

double noise_std_unequal(std::span<const double> norms, std::span<const double> energies) {
  const double k = check_workers(norms);
  check_energies(norms, energies);
  double worst = 0;
  for (std::size_t i = 0; i < norms.size(); ++i) worst = std::max(worst, norms[i] / std::sqrt(energies[i]));
  return worst / k;
}

double noise_std_csit(std::span<const double> norms, std::span<const double> gains,
                      std::span<const double> energies) {
  check_workers(norms);
  check_gains(norms, gains);
  std::vector<double> received(norms.begin(), norms.end());
  for (std::size_t i = 0; i < norms.size(); ++i) {
    if (gains[i] == 0) {
      fail(ExitCode::kConfiguration, "worker {} has gain 0 and can't invert it. HINT: csit_trunc silences it",
           i);
    }
    received[i] /= std::abs(gains[i]);
  }
  return noise_std_unequal(received, energies);
}

TruncatedNoise noise_std_csit_truncated(std::span<const double> norms, std::span<const double> gains,
                                        std::span<const double> energies, double least_gain) {
  check_workers(norms);
  check_gains(norms, gains);
  check_energies(norms, energies);
  require_positive("the least gain", least_gain);
  TruncatedNoise noise;
  double worst = 0;
  for (std::size_t i = 0; i < norms.size(); ++i) {
    if (std::abs(gains[i]) < least_gain) continue;
    noise.active.push_back(i);
    worst = std::max(worst, norms[i] / (std::abs(gains[i]) * std::sqrt(energies[i])));
  }
  if (!noise.active.empty()) noise.standard_deviation = worst / static_cast<double>(noise.active.size());
  return noise;
}

namespace {

/// The common scale a = min_i sqrt(p_i) / N_i over the workers with N_i > 0 (spec 1.3, 9). Needs one such
/// worker.
double common_scale(std::span<const double> norms, std::span<const double> energies) {
  check_workers(norms);
  check_energies(norms, energies);
  double scale = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < norms.size(); ++i) {
    if (norms[i] > 0) scale = std::min(scale, std::sqrt(energies[i]) / norms[i]);
  }
  return scale;
}

}  // namespace

WeightedReception receive_csir(std::span<const double> norms, std::span<const double> gains,
                               std::span<const double> energies) {
  const double scale = common_scale(norms, energies);
  check_gains(norms, gains);
  for (const double gain : gains) require_positive("a channel gain without transmitter knowledge", gain);
  const double sum = std::accumulate(gains.begin(), gains.end(), 0.0);
  WeightedReception reception{1 / (scale * sum), std::vector<double>(gains.begin(), gains.end())};
  for (double& weight : reception.weights) weight /= sum;
  return reception;
}

StatisticalReception receive_statistical(std::span<const double> norms, std::span<const double> energies,
                                         double gain_mean, double gain_variance) {
  const double scale = common_scale(norms, energies);
  require_positive("the mean gain", gain_mean);
  require_nonnegative("the variance of the gain", gain_variance);
  const auto k = static_cast<double>(norms.size());
  return {1 / (k * scale * gain_mean),
          gain_variance / (gain_mean * gain_mean) * sum_of_squares(norms) / (k * k)};
}

double blind_antenna_error(std::span<const double> norms, double energy, double sum_norm,
                           std::int64_t symbols, std::int64_t antennas) {
  const std::vector<double> energies(norms.size(), energy);
  const double scale = common_scale(norms, energies);
  require_nonnegative("the norm of the sum", sum_norm);
  require_at_least("the number of symbols D", symbols, 1);
  require_at_least("the number of antennas A", antennas, 1);
  const auto k = static_cast<double>(norms.size());
  const auto many = static_cast<double>(antennas);
  return static_cast<double>(symbols) / (many * scale * scale * k) +
         (k * sum_of_squares(norms) + sum_norm * sum_norm) / (2 * many * k * k);
}

double noise_std_sum_power(std::span<const double> norms, double energy) {
  const double k = check_workers(norms);
  require_positive("the block energy", energy);
  return std::sqrt(sum_of_squares(norms) / k) / (k * std::sqrt(energy));
}

WeightedReception receive_saturating(std::span<const double> norms, double energy) {
  check_workers(norms);
  require_positive("the block energy", energy);
  WeightedReception reception;
  for (const double norm : norms) {
    require_positive("a worker's norm", norm);
    reception.weights.push_back(std::sqrt(energy) / norm);
  }
  const double sum = std::accumulate(reception.weights.begin(), reception.weights.end(), 0.0);
  for (double& weight : reception.weights) weight /= sum;
  reception.standard_deviation = 1 / sum;
  return reception;
}

MmseReception receive_mmse(double signal_energy, std::int64_t symbols, double standard_deviation) {
  require_nonnegative("the signal energy S", signal_energy);
  require_at_least("the number of symbols D", symbols, 1);
  require_nonnegative("the noise standard deviation", standard_deviation);
  const double noise = static_cast<double>(symbols) * standard_deviation * standard_deviation;
  // Nothing sent and no noise: the decoded block is exact whatever the weight.
  const double weight = signal_energy + noise > 0 ? signal_energy / (signal_energy + noise) : 1.0;
  return {weight, weight * noise, noise};
}

double plug_in_weight(double decoded_energy, std::int64_t symbols, double standard_deviation) {
  require_nonnegative("the decoded energy", decoded_energy);
  require_at_least("the number of symbols D", symbols, 1);
  require_nonnegative("the noise standard deviation", standard_deviation);
  if (decoded_energy == 0) return 0;
  const double noise = static_cast<double>(symbols) * standard_deviation * standard_deviation;
  return std::max(0.0, 1 - noise / decoded_energy);
}

}  // namespace laser::theory
