// Theorem 1: how fast Algorithm 1 converges over the noisy channel, with the explicit constants of
// its proof (spec 6).
//
// The bounds hold under Assumptions 2 to 5 (and 1 in the convex cases). At the paper's own powers Assumption
// 5 is violated: then the numbers explain trends and are not guarantees; assumption5_holds says which it is.
// Everywhere T is the last index of the sum, so T + 1 rounds are averaged, as in the proof.
// All throw Error (configuration) on a constant that is negative, not finite, or of impossible size.
#pragma once

#include <cstdint>

namespace laser::theory {

/// The constants of Assumptions 1 to 5 (spec 6).
struct Problem {
  double smoothness = 1;             // L > 0 (A2)
  double gradient_noise_factor = 0;  // M >= 0 (A3): noise that grows with the gradient
  double quasi_convexity = 0;        // mu >= 0 (A1)
  double gradient_variance = 0;      // sigma^2 >= 0 (A3)
  double compression_quality = 1;    // delta_r in (0, 1] (A4)
  double influence = 0;              // lambda >= 0 (Definition 1)
};

/// tau = 10 L (2/delta_r + M) (spec 6).
[[nodiscard]] double slowness(const Problem& problem);

/// The largest step size of Theorem 1: 1 / (tau (1 + lambda)) (spec 6).
[[nodiscard]] double largest_step(const Problem& problem);

/// Whether lambda <= 1 / (10 (2/delta_r + M)) (spec 6, A5; [LASER, Assumption 5]).
[[nodiscard]] bool assumption5_holds(const Problem& problem);

/// A step size and the bound that it gives.
struct Bound {
  double step = 0;
  double value = 0;        // B(step)
  double closed_form = 0;  // the sum of two terms that B(step) never exceeds
};

/// Theorem 1 (ii), mu = 0: E f(out) - f* <= B(gamma) = 6 [R0/(gamma (T+1)) + 2 gamma sigma^2 Lam] with Lam =
/// 1
/// + lambda and R0 = ||x0 - x*||^2, at the best step up to the largest. The closed form is 6 tau Lam R0/(T+1)
/// + 12 sqrt(2 sigma^2 Lam R0/(T+1)) (spec 6).
[[nodiscard]] Bound convex_bound(const Problem& problem, std::int64_t last_round, double squared_distance);

/// Theorem 1 (iii): E ||grad f(out)||^2 <= B(gamma) = 12 [F0/(gamma (T+1)) + 1.5 gamma L sigma^2 Lam], F0 =
/// f(x0) - f*, at the best step up to the largest; closed form 12 tau Lam F0/(T+1) + 24 sqrt(1.5 L sigma^2
/// Lam F0/(T+1)) (spec 6; linear in F0, spec 8.10).
[[nodiscard]] Bound nonconvex_bound(const Problem& problem, std::int64_t last_round, double gap);

/// The convex bound B(gamma) at any step 0 < gamma <= largest_step (spec 6).
[[nodiscard]] double convex_bound_at(const Problem& problem, std::int64_t last_round, double squared_distance,
                                     double step);

/// The two terms of Theorem 1 (i), mu > 0, up to log factors: tau Lam R0 exp(-mu T/(2 tau Lam)) (the factor 2
/// is the proof's, spec 8.10) and sigma^2 Lam/(mu T); T >= 1 (spec 6).
struct QuasiConvexTerms {
  double decay = 0;
  double variance = 0;
};
[[nodiscard]] QuasiConvexTerms quasi_convex_terms(const Problem& problem, std::int64_t rounds,
                                                  double squared_distance);

/// Theorem 1 (i) before the step size is chosen: E f(out) - f* <= 6 [R0/(gamma W_T) + 2 gamma sigma^2 Lam]
/// with W_T = sum_{t=0..T} (1 - mu gamma/2)^-(t+1) and out drawn with those weights; the sum of the proof
/// telescopes ([LASER, appendix C (i)]). mu = 0 gives convex_bound_at. Same limit on the step.
[[nodiscard]] double quasi_convex_bound_at(const Problem& problem, std::int64_t last_round,
                                           double squared_distance, double step);

/// The noise constants of Z-SGD seen as SGD with a noisier gradient (spec 6 (iv)): M~ = lambda + (1 + lambda)
/// M and sigma~^2 = (1 + lambda) sigma^2.
struct NoiseConstants {
  double factor = 0;
  double variance = 0;
};
[[nodiscard]] NoiseConstants uncompressed_noise(const Problem& problem);

/// The problem of Theorem 1 (iv): the same with delta_r = 1 and the given lambda of Z-SGD; Assumption 5 is
/// not needed (spec 6).
[[nodiscard]] Problem uncompressed_problem(Problem problem, double influence);

/// What Theorem 1 says about one method against another, each with its own delta_r and lambda.
struct Comparison {
  // tau Lam of `other` over that of `problem`: above 1 where `problem` is faster at the start
  double early = 0;
  // sqrt(Lam) of `other` over that of `problem`: the ratio of the bounds once noise dominates
  double late = 0;
  /// Rounds T + 1 from which on the closed form of the convex bound of `problem` is the smaller one, at least
  /// 1; infinite if it never stays so.
  double rounds = 0;
};

/// Compares the closed forms 6 tau Lam R0/(T+1) + 12 sqrt(2 sigma^2 Lam R0/(T+1)) of two methods on one
/// function: L, M and sigma^2 are those of `problem`, R0 = ||x0 - x*||^2 (spec 6).
[[nodiscard]] Comparison compare(const Problem& problem, const Problem& other, double squared_distance);

/// Throws Error (configuration) unless all constants lie in their ranges.
void check(const Problem& problem);

}  // namespace laser::theory
