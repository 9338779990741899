// Channel influence factors: how much noise energy a scheme leaves per unit of energy of
// its message (spec 6).
//
// Definition 1 [LASER, equation 5]: lambda = E_Z ||y - X||^2 / ||X||^2, X the noiseless message (the
// compression error belongs to delta_r, condition.hpp). m x n is the matrix, r the rank, `power` the energy
// per worker and round in units of the noise variance, for this one tensor. The optimal one-shot splits
// themselves and their exact lambda (Lemmas 7 and 8) are with the split of factors, because training uses
// them; here are all other formulas. All throw Error (configuration) on a power that is not positive and
// finite, a dimension or worker count below 1, a rank outside 1..min(m, n), and lists of unequal length.
#pragma once

#include <cstdint>
#include <span>

namespace laser::theory {

/// SNR = P / (m n), one worker, linear (spec 1; [LASER, section 4]).
[[nodiscard]] double signal_to_noise(std::int64_t m, std::int64_t n, double power);

/// Z-SGD, exact: m n / P = 1 / SNR (spec 6; [LASER, Lemma 9]).
[[nodiscard]] double influence_uncompressed(std::int64_t m, std::int64_t n, double power);

/// LASER one-shot, upper bound: 4 r max/P + 4 r^2 m n/P^2 (spec 6; [LASER, Lemma 10], with min/max
/// for m > n).
[[nodiscard]] double influence_one_shot_bound(std::int64_t m, std::int64_t n, std::int64_t rank,
                                              double power);

/// influence_one_shot_bound / influence_uncompressed = 4 r/min(m, n) + 4 r^2/P (spec 6).
[[nodiscard]] double influence_bound_ratio(std::int64_t m, std::int64_t n, std::int64_t rank, double power);

/// LASER one-shot, exact noise energy E||g^ - M_r||^2 for any factors, one worker (spec 2.4 B):
/// sum_j ||p_j||^2 ||q_j||^2 [(1 + m/alpha_j)(1 + n/beta_j) - 1]. All lists are [r]; a column with zero norm
/// is skipped, one with energy but no share (alpha_j or beta_j = 0) is an Error.
[[nodiscard]] double one_shot_noise_energy(std::int64_t m, std::int64_t n, std::span<const double> left_norms,
                                           std::span<const double> right_norms,
                                           std::span<const double> left_energies,
                                           std::span<const double> right_energies);

/// LASER two-phase, one worker, one layer, given the basis: n r / ((1 - phi) P) (spec 2.4 A, 6); phi in (0,
/// 1) is the first phase's part of the budget.
[[nodiscard]] double influence_two_phase(std::int64_t m, std::int64_t n, std::int64_t rank, double power,
                                         double phi);

/// LASER alternating, even round (Q is sent): n r / P (spec 2.4 C, 6).
[[nodiscard]] double influence_alternating_even(std::int64_t m, std::int64_t n, std::int64_t rank,
                                                double power);

/// LASER alternating, odd round (P is sent): m r / P (spec 2.4 C, 6).
[[nodiscard]] double influence_alternating_odd(std::int64_t m, std::int64_t n, std::int64_t rank,
                                               double power);

/// Random-K with b coordinates: b / P (spec 6).
[[nodiscard]] double influence_random_k(std::int64_t coordinates, double power);

/// Several blocks, one worker, (1/||X||^2) sum_b D_b N_b^2 / p_b, with norm allocation: (sum N)(sum D N) / (P
/// sum N^2) (spec 6).
[[nodiscard]] double influence_blocks_norm(std::span<const std::int64_t> symbols,
                                           std::span<const double> norms, double power);

/// Several blocks with the allocation that is best for the total noise (norm_dim): (sum sqrt(D) N)^2 / (P sum
/// N^2) (spec 3.2).
[[nodiscard]] double influence_blocks_optimal(std::span<const std::int64_t> symbols,
                                              std::span<const double> norms, double power);

/// k workers that send d numbers each: (D/P) max_i ||g_i||^2 / (k^2 ||mean g||^2) (spec 6). `norms` [k],
/// `mean_norm` = ||mean g|| > 0.
[[nodiscard]] double influence_workers(std::int64_t symbols, double power, std::span<const double> norms,
                                       double mean_norm);

/// k workers with equal gradients: D / (P k^2) (spec 6).
[[nodiscard]] double influence_workers_equal(std::int64_t symbols, double power, std::int64_t workers);

/// k workers with orthogonal gradients of equal norm: D / (P k) (spec 6).
[[nodiscard]] double influence_workers_orthogonal(std::int64_t symbols, double power, std::int64_t workers);

/// Noisy downlink that broadcasts D symbols with power P_dl: D / P_dl (spec 1.4).
[[nodiscard]] double influence_downlink(std::int64_t symbols, double downlink_power);

/// Uplink and downlink together: lambda_ul + lambda_dl (1 + lambda_ul) (spec 1.4); both factors >= 0.
[[nodiscard]] double influence_total(double uplink_influence, double downlink_influence);

}  // namespace laser::theory
