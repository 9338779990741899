// When low-rank compression pays over a noisy channel, and how good a rank-r approximation is (spec 6, 2.1).
//
// "Pays" compares bounds: influence_one_shot_bound < influence_uncompressed. All throw Error (configuration)
// on bad power, dimensions, rank or spectra.
#pragma once

#include <cstdint>
#include <span>

namespace laser::theory {

/// The paper's condition P > 4 r^2 L for L tensors that share the power evenly (spec 6; [LASER, appendix
/// E.3]); it neglects the term 4 r / min(m, n).
[[nodiscard]] bool rank_fits_power(std::int64_t rank, double power, std::int64_t tensors = 1);

/// The least power that the paper's condition asks for: 4 r^2 L (spec 6).
[[nodiscard]] double power_for_rank(std::int64_t rank, std::int64_t tensors = 1);

/// The exact threshold for L tensors of m x n: L 4 r^2 / (1 - 4 r/min(m, n)); infinite if 4 r >= min(m, n),
/// where the bound never beats the uncompressed gradient (spec 6).
[[nodiscard]] double power_for_rank_exact(std::int64_t m, std::int64_t n, std::int64_t rank,
                                          std::int64_t tensors = 1);

/// Whether P exceeds power_for_rank_exact, that is, the ratio of the bounds at P/L is below 1 (spec 6).
[[nodiscard]] bool rank_fits_power_exact(std::int64_t m, std::int64_t n, std::int64_t rank, double power,
                                         std::int64_t tensors = 1);

/// The largest rank with 4 r^2 L < P, 0 if there is none (spec 6).
[[nodiscard]] std::int64_t largest_rank_for_power(double power, std::int64_t tensors = 1);

/// The quality that every message is sure of at rank r: r / min(m, n), reached where all singular values are
/// equal (spec 6, 8.34).
[[nodiscard]] double guaranteed_quality(std::int64_t m, std::int64_t n, std::int64_t rank);

/// delta_r of the best rank-r approximation: sum_{i<=r} s_i^2 / sum_i s_i^2 (spec 6, A4; [LASER, Assumption
/// 4]). `singular_values` >= 0 in any order, not all zero; 1 <= rank <= their number.
[[nodiscard]] double compression_quality(std::span<const double> singular_values, std::int64_t rank);

/// The largest lambda of Assumption 5: 1 / (10 (2/delta_r + M)) (spec 6). delta in (0, 1], M >= 0.
[[nodiscard]] double largest_influence(double delta, double gradient_noise_factor);

/// The least power, per worker and round, at which Theorem 1 says anything about LASER: where Lemma 10's
/// bound 4 r max L/P + 4 r^2 m n L^2/P^2 comes down to largest_influence (spec 6, A5; 8.34). One worker; k
/// workers need 1/k^2 of it if their gradients are equal and 1/k if they are orthogonal, as the noise falls
/// by as much.
[[nodiscard]] double least_power(std::int64_t m, std::int64_t n, std::int64_t rank, double delta,
                                 double gradient_noise_factor = 0, std::int64_t tensors = 1);

}  // namespace laser::theory
