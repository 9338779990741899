// How a compressed layer's energy is split between its factors P and Q, and over its rank-one columns
// (spec 3.3, 3.4; [LASER, Lemmas 7 and 8]), with the channel influence factor that results.
//
// m x n is the matrix, energies are in units of the noise variance. All functions hold for m <= n and m > n
// (spec 8.7: the paper's bound as printed needs m <= n; here min and max take their places), and stay exact
// for very small and very large energies. Energy 0 has no split: a layer without energy sends nothing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace laser {

/// The optimal split of one rank-one term.
struct FactorSplit {
  double left_energy = 0;    // alpha*, for the column of P (m symbols)
  double right_energy = 0;   // beta* = P - alpha*, for the column of Q (n symbols)
  double amplification = 0;  // f* = (1 + m/alpha*)(1 + n/beta*)
  double influence = 0;      // lambda* = f* - 1, computed without cancellation
};

/// Splits `energy` > 0 between the two columns of a rank-one m x n matrix so that the noise is least
/// (spec 3.3, [LASER, Lemma 7]). Throws Error (configuration) on a dimension below 1 or an energy not
/// positive and finite.
[[nodiscard]] FactorSplit split_between_factors(std::int64_t m, std::int64_t n, double energy);

/// Upper bound on lambda* of split_between_factors: 4 max/P + 4 m n/P^2 (spec 3.3, [LASER, Lemma 7]); exact
/// at m = n. Same errors.
[[nodiscard]] double factor_influence_bound(std::int64_t m, std::int64_t n, double energy);

/// How the energy of a layer goes to its rank-one terms.
enum class RankAllocation {
  sqrt_kappa,  // P_j proportional to sqrt(kappa_j): Lemma 8, optimal to first order at high power
  optimal,     // [EXT] `opt` of spec 3.4: minimises sum_j kappa_j f*(P_j) exactly
};

/// The split over r rank-one terms; every vector is [r].
struct RankSplit {
  std::vector<double> energies;        // P_j, sum = P
  std::vector<double> left_energies;   // alpha_j
  std::vector<double> right_energies;  // beta_j, alpha_j + beta_j = P_j
  double influence = 0;                // lambda = sum_j kappa_j f*(P_j) - 1
};

/// Splits `energy` > 0 over r = kappa.size() rank-one terms with energies kappa_j = ||p_j||^2 ||q_j||^2 >= 0
/// (any scale: normalised to sum 1 here), then each P_j between its columns (spec 3.4, [LASER, Lemma 8]). A
/// term with kappa_j = 0 gets no energy and is skipped; with all zero nothing is sent and every number is 0.
/// Throws Error (configuration) on bad dimensions, energy or kappa, and if r > min(m, n).
[[nodiscard]] RankSplit split_over_ranks(std::int64_t m, std::int64_t n, double energy,
                                         std::span<const double> kappa,
                                         RankAllocation allocation = RankAllocation::sqrt_kappa);

/// Upper bound on the influence of split_over_ranks: 4 r max/P + 4 r^2 m n/P^2 (spec 3.4, 6; [LASER, Lemmas 8
/// and 10]), r = `rank`. Throws Error (configuration) on bad dimensions or energy, or a rank
/// outside 1..min(m, n).
[[nodiscard]] double rank_influence_bound(std::int64_t m, std::int64_t n, std::int64_t rank, double energy);

/// Energies [r] of the columns of one factor, p_j = energy * ||q_j|| / sum ||q_j|| (spec 2.4, column mode
/// `sqrt_kappa`); uniform if all norms are zero. `energy` >= 0, `column_norms` [r] >= 0.
[[nodiscard]] std::vector<double> split_over_columns(double energy, std::span<const double> column_norms);

}  // namespace laser
