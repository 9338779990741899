// Second moments of Algorithm 1 on a quadratic, round by round and exactly: what a run over the noisy channel
// must measure, to within its statistics (docs/theory.md, section 6.3).
//
// f(x) = sum c_ij x_ij^2 / 2 over one m x n matrix, minimum 0 at 0. k workers, M_i = e_i + gamma g_i, the
// mean of what is sent is subtracted. Exact where C is linear and its basis is drawn anew each round
// without a look at the message: everything (Z-SGD), a random subspace of the rows or of the columns
// (`alternating` with fresh bases), or random coordinates (Random-K). Nothing here is a bound and nothing
// is asymptotic. It is not about bases that follow the message (one_shot, two_phase, warm starts): their
// moments have no closed form.
#pragma once

#include <cstdint>
#include <vector>

namespace laser::theory {

/// The function: curvatures c_ij > 0, row-major [m n].
struct Quadratic {
  std::int64_t rows = 0, columns = 0;
  std::vector<double> curvature;
};

/// What a worker sends of its message.
enum class Sent {
  everything,    // Z-SGD
  row_space,     // P^T M, P of r random directions in R^m: even rounds of `alternating`, r n symbols
  column_space,  // M Q, Q of r random directions in R^n: odd rounds, r m symbols
  coordinates,   // b random coordinates: Random-K
};

/// How the noises of the workers' gradients belong together.
enum class Workers {
  independent,  // g_i = grad f + xi_i, xi_i independent, the same power of noise everywhere
  rotated,      // g_i = (grad f + xi) R_i, mean of the R_i = 1, ||X R_i||^2 = `spread` ||X||^2 for all X
};

/// One round's algorithm and channel.
struct QuadraticRound {
  Sent sent = Sent::everything;
  std::int64_t size = 0;  // r or b; unused where everything is sent
  bool feedback = true;
  double step = 0;                   // gamma
  double power = 0;                  // P per worker, > 0, noise variance 1; infinite: no noise
  std::int64_t workers = 1;          // k
  double gradient_noise_factor = 0;  // M of A3: E xi_ij^2 = M (grad f)_ij^2 + sigma^2/(m n)
  double gradient_variance = 0;      // sigma^2 of A3
  Workers kind = Workers::independent;
  double spread = 1;
};

/// Expectations of each entry, row-major [m n].
struct SecondMoments {
  std::vector<double> iterate;     // E x_ij^2
  std::vector<double> cross;       // E x_ij e_ij, e the mean of the workers' memories
  std::vector<double> memory;      // E e_ij^2
  std::vector<double> own_memory;  // of one worker

  /// Of a known point [m n] with empty memories.
  [[nodiscard]] static SecondMoments at(const std::vector<double>& point);
};

/// Sums over the entries.
struct MomentTotals {
  double gap = 0;               // E f(x) - f*
  double distance = 0;          // E ||x - e||^2, of the virtual iterate
  double virtual_gap = 0;       // E f(x - e) - f*
  double squared_gradient = 0;  // E ||grad f(x)||^2
  double memory = 0;            // E ||e||^2
  double own_memory = 0;        // of one worker
};
[[nodiscard]] MomentTotals totals(const Quadratic& quadratic, const SecondMoments& moments);

/// Noise energy over the energy of what one worker sends, lambda of Definition 1 for k = 1: D / P with D the
/// number of symbols; 0 without noise.
[[nodiscard]] double round_influence(const Quadratic& quadratic, const QuadraticRound& round);

/// The moments one round later. Independent workers need a channel whose noise is fixed by the mean of
/// the workers' energies (k = 1, workers of equal norm, or `sum_power`): the maximum of random norms has
/// no closed form. Throws Error (configuration) on lists of other lengths, sizes out of range and
/// constants out of theirs.
[[nodiscard]] SecondMoments advance(const Quadratic& quadratic, const QuadraticRound& round,
                                    const SecondMoments& moments);

}  // namespace laser::theory
