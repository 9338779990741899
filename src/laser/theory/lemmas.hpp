// The inequalities of the convergence proof as evaluators of both sides, to be confronted with measured runs
// (spec 6; [LASER, Lemmas 1 to 6 and 11 to 13]).
//
// Virtual iterate x~ = x - e. Lemmas 1, 2, 4, 5 are error-feedback SGD without channel noise (lambda = 0);
// 11, 12, 13 are their forms with lambda. Lemmas 7 and 8 are in power/factor_split.hpp, 9 and 10 in
// influence.hpp. The functions evaluate what is stated; whether the step satisfies the lemma's condition is
// asked with lemma13_step(). All throw Error (configuration) on constants outside their ranges and on
// lists of wrong length.
#pragma once

#include <span>

#include "laser/theory/convergence.hpp"

namespace laser::theory {

/// left <= right is the lemma's claim.
struct Inequality {
  double left = 0;
  double right = 0;
  /// Whether it holds up to a relative rounding slack.
  [[nodiscard]] bool holds(double slack = 0) const {
    return left <= right + slack * (right < 0 ? -right : right);
  }
};

/// The largest step of Lemma 13: 1 / (4 L (1 + M)(1 + lambda)). Lemma 11's is 1 - 2 lambda times that, and
/// where lambda >= 1/2 no step satisfies it; Lemma 4's is twice that of lambda = 0 (spec 6).
[[nodiscard]] double lemma13_step(const Problem& problem);

/// Expectations over one round of a run in the (quasi-)convex case.
struct DistanceRound {
  double distance = 0;       // E ||x~_t - x*||^2
  double next_distance = 0;  // E ||x~_{t+1} - x*||^2
  double gap = 0;            // E f(x_t) - f*
  double memory = 0;         // E ||e_t||^2
};

/// Lemma 11 (Lemma 1 for lambda = 0): E||x~_{t+1}-x*||^2 <= (1 - mu gamma/2) E||x~_t-x*||^2 - (gamma/2)
/// E(f(x_t)-f*) + gamma^2 sigma^2 Lam + (3 L gamma Lam + lambda) E||e_t||^2 (spec 6; [LASER, equation 16]).
[[nodiscard]] Inequality lemma11(const Problem& problem, double step, const DistanceRound& round);

/// Expectations over one round of a run in the non-convex case.
struct DescentRound {
  double value = 0;             // E f(x~_t)
  double next_value = 0;        // E f(x~_{t+1})
  double squared_gradient = 0;  // E ||grad f(x_t)||^2
  double memory = 0;            // E ||e_t||^2
};

/// Lemma 13 (Lemma 4 for lambda = 0): E f(x~_{t+1}) <= E f(x~_t) - (gamma/4) E||grad f(x_t)||^2
/// + gamma^2 L sigma^2 Lam/2 + (L^2 gamma/2 + L lambda) E||e_t||^2 (spec 6; [LASER, equation 19]).
[[nodiscard]] Inequality lemma13(const Problem& problem, double step, const DescentRound& round);

/// Lemma 2 = Lemma 5 (lambda = 0): 3 L E||e_{t+1}||^2 <= (delta/(64 L)) sum_i (1 - delta/4)^i E||grad
/// f(x_{t-i})||^2 + gamma sigma^2. `squared_gradients` is newest first: x_t, x_{t-1}, ..., x_0 ([LASER,
/// equation 8]).
[[nodiscard]] Inequality lemma2(const Problem& problem, double step, double next_memory,
                                std::span<const double> squared_gradients);

/// Lemma 12: (3 L Lam + lambda/gamma) E||e_{t+1}||^2 <= (delta/(32 L)) sum_i (1 - delta/4)^i E||grad
/// f(x_{t-i})||^2 + gamma sigma^2 Lam, newest first (spec 6; [LASER, equation 17]).
[[nodiscard]] Inequality lemma12(const Problem& problem, double step, double next_memory,
                                 std::span<const double> squared_gradients);

/// The weighted sums of rounds 0..T; every list is [T + 1].
struct WeightedRun {
  std::span<const double> weights;            // w_t >= 0, 4/delta-slow increasing
  std::span<const double> steps;              // gamma_t
  std::span<const double> memories;           // E ||e_t||^2
  std::span<const double> squared_gradients;  // E ||grad f(x_t)||^2
};

/// Lemma 2's weighted sum: 3 L sum w E||e||^2 <= (1/(8 L)) sum w E||grad f||^2 + sigma^2 sum
/// w gamma (spec 6).
[[nodiscard]] Inequality lemma2_weighted(const Problem& problem, const WeightedRun& run);

/// Lemma 12's weighted sum: sum (3 L Lam + lambda/gamma_t) w_t E||e_t||^2 <= (1/(6 L)) sum w E||grad f||^2
/// + Lam sigma^2 sum w gamma (spec 6; [LASER, equation 18]).
[[nodiscard]] Inequality lemma12_weighted(const Problem& problem, const WeightedRun& run);

/// Lemma 3: left = Psi_T = (1/W) sum_t [(w_t/gamma)(1 - a gamma) r_t - (w_t/gamma) r_{t+1} + c gamma w_t]
/// with w_t = (1 - a gamma)^-(t+1); right = what it telescopes to when r_{T+1} >= 0 is dropped: r_0/(gamma W)
/// + c gamma (spec 6). `sequence` is r_0 .. r_{T+1}; 0 < gamma, 0 <= a gamma < 1. a = 0 is Lemma 6's sum.
[[nodiscard]] Inequality lemma3(std::span<const double> sequence, double a, double c, double step);

/// Lemma 6: with gamma = min(1/d, sqrt(r_0/(c (T+1)))), left = r_0/(gamma (T+1)) + c gamma (the largest the
/// sum can be) and right = d r_0/(T+1) + 2 sqrt(c r_0)/sqrt(T+1) (spec 6); d > 0, r_0 > 0.
[[nodiscard]] Inequality lemma6(double r0, double c, double d, std::int64_t last_round);

/// Whether a_{t+1} <= a_t <= a_{t+1} (1 + 1/(2 tau)) for all t: tau-slow decreasing (spec 6). Entries > 0,
/// tau >= 1.
[[nodiscard]] bool is_slow_decreasing(std::span<const double> sequence, double tau);

/// Whether 1/a_t is tau-slow decreasing (spec 6). Entries > 0, tau >= 1.
[[nodiscard]] bool is_slow_increasing(std::span<const double> sequence, double tau);

}  // namespace laser::theory
