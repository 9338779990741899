// What a receiver is left with after one block: noise standard deviation, weights and mean squared error, for
// the channel of the paper and its extensions (spec 1.2, 1.3, 1.4).
//
// Formulas only: the channels that draw and add noise are in channel/. `norms` [k] are the workers' block
// norms N_i, energies are per block in units of the noise variance, D is the block's number of symbols. All
// throw Error (configuration) on negative or non-finite arguments and on lists of unequal length.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace laser::theory {

/// Common scale, equal energy p: sigma_b = max_i N_i / (k sqrt(p)) (spec 1.2, equation 2); 0 if no worker has
/// anything to send or p = 0 (nothing is received: the caller decodes 0).
[[nodiscard]] double noise_std(std::span<const double> norms, double energy);

/// Energy that each worker spends on a block under the common scale, [k]: p N_i^2 / max N^2 (spec 1.2).
[[nodiscard]] std::vector<double> spent_energy(std::span<const double> norms, double energy);

/// Unequal budgets p_i [k] > 0: (1/k) max_i N_i / sqrt(p_i) (spec 1.4).
[[nodiscard]] double noise_std_unequal(std::span<const double> norms, std::span<const double> energies);

/// Fading known on both sides: (1/k) max_i N_i / (|h_i| sqrt(p_i)), all |h_i| > 0 (spec 1.3 `csit`, 1.4).
[[nodiscard]] double noise_std_csit(std::span<const double> norms, std::span<const double> gains,
                                    std::span<const double> energies);

/// `csit` with workers below `least_gain` silent, and k -> |A| (spec 1.3 `csit_trunc`). Without an active
/// worker the update is skipped and the standard deviation is 0.
struct TruncatedNoise {
  double standard_deviation = 0;
  std::vector<std::size_t> active;  // A, ascending
};
[[nodiscard]] TruncatedNoise noise_std_csit_truncated(std::span<const double> norms,
                                                      std::span<const double> gains,
                                                      std::span<const double> energies, double least_gain);

/// Fading known only to the receiver: weights w_i = h_i / sum h and sigma = 1/(a sum h), h_i >
/// 0 (spec 1.3 `csir`).
struct WeightedReception {
  double standard_deviation = 0;
  std::vector<double> weights;  // [k], sum 1
};
[[nodiscard]] WeightedReception receive_csir(std::span<const double> norms, std::span<const double> gains,
                                             std::span<const double> energies);

/// Fading known only by its mean mu_h > 0 and variance v_h >= 0 (spec 1.3 `stat`).
struct StatisticalReception {
  double standard_deviation = 0;       // additive: 1/(k a mu_h)
  double multiplicative_variance = 0;  // (v_h/mu_h^2) sum_i N_i^2 / k^2
  /// E err^2 of a block of D symbols.
  [[nodiscard]] double error(std::int64_t symbols) const {
    return static_cast<double>(symbols) * standard_deviation * standard_deviation + multiplicative_variance;
  }
};
[[nodiscard]] StatisticalReception receive_statistical(std::span<const double> norms,
                                                       std::span<const double> energies, double gain_mean,
                                                       double gain_variance);

/// A receive antennas and unknown phases: E err^2 = D/(A a^2 k) + (k sum_i N_i^2 + ||sum_i s_i||^2)/(2 A
/// k^2), common scale a = sqrt(p)/max N, `sum_norm` = ||sum_i s_i||, noise N(0, 1) in the real and in the
/// imaginary part of every antenna, as everywhere (spec 1.3 `blind_mimo`).
[[nodiscard]] double blind_antenna_error(std::span<const double> norms, double energy, double sum_norm,
                                         std::int64_t symbols, std::int64_t antennas);

/// Power summed over the workers: sigma = sqrt(mean_i N_i^2) / (k sqrt(p)) (spec 1.4).
[[nodiscard]] double noise_std_sum_power(std::span<const double> norms, double energy);

/// Every worker at full power, a_i = sqrt(p)/N_i, decode y / sum a: weights a_i / sum a and sigma = 1/sum a
/// (spec 1.4). All norms > 0.
[[nodiscard]] WeightedReception receive_saturating(std::span<const double> norms, double energy);

/// MMSE receive scaling of a block of D symbols with signal energy S = ||mean s||^2 (spec 1.4).
struct MmseReception {
  double weight = 0;          // w = S/(S + D sigma^2)
  double error = 0;           // S D sigma^2/(S + D sigma^2)
  double unbiased_error = 0;  // D sigma^2
};
[[nodiscard]] MmseReception receive_mmse(double signal_energy, std::int64_t symbols,
                                         double standard_deviation);

/// The plug-in weight max(0, 1 - D sigma^2/||decoded||^2); 0 for a decoded block of zeros (spec 1.4).
[[nodiscard]] double plug_in_weight(double decoded_energy, std::int64_t symbols, double standard_deviation);

}  // namespace laser::theory
