// Algorithm 1 with one worker, gradient noise of both kinds (M > 0 and sigma > 0) and a fresh random basis
// each round, for the lemmas of the convergence proof: what they speak about is recorded along whole runs,
// and single rounds are repeated from one state.
//
// `alternating` in its even rounds: C(X) = P P^T X with P of r random directions, so that A4 holds as an
// equality with delta = r/m, and lambda = n r/P.
#pragma once

#include <vector>

#include "laser/theory/convergence.hpp"
#include "laser/verify/check.hpp"
#include "laser/verify/objective.hpp"

namespace laser::verify {

inline constexpr std::int64_t kLemmaRows = 16, kLemmaColumns = 24, kLemmaRank = 4;

/// What is run, and the constants that the lemmas are told.
struct LemmaSetting {
  Objective objective;
  theory::Problem problem;
  double step = 0;   // gamma
  double power = 0;  // infinite: no channel noise, lambda = 0 (Lemmas 1, 2, 4, 5)
};

/// With the largest lambda of Assumption 5, or none, and the largest step of Theorem 1.
[[nodiscard]] LemmaSetting lemma_setting(Case kind, bool noisy_channel);

/// What a run leaves at every t = 0 .. T, [T + 1].
struct LemmaTrace {
  std::vector<double> distance;          // ||x~_t - x*||^2, x~ = x - e
  std::vector<double> gap;               // f(x_t) - f*
  std::vector<double> value;             // f(x~_t)
  std::vector<double> squared_gradient;  // ||grad f(x_t)||^2
  std::vector<double> memory;            // ||e_t||^2
};

/// One run of `rounds` rounds.
[[nodiscard]] LemmaTrace lemma_run(const LemmaSetting& setting, std::int64_t rounds, std::uint64_t seed);

/// Round t repeated from the state of a run: means over the draws of gradient noise, basis and channel, and
/// what they must be.
struct StepMoments {
  LemmaTrace before;  // up to t
  Estimate distance;  // E ||x~_{t+1} - x*||^2
  Estimate value;     // E f(x~_{t+1})
  Estimate memory;    // E ||e_{t+1}||^2
  Estimate change;    // E ||x~_{t+1} - x~_t + gamma grad f(x_t)||^2
  // (1 - delta) (||e + gamma grad f||^2 + gamma^2 s^2), s^2 = M ||grad f||^2 + sigma^2
  double exact_memory = 0;
  double exact_change = 0;  // gamma^2 s^2 + lambda delta (||e + gamma grad f||^2 + gamma^2 s^2)
};
[[nodiscard]] StepMoments lemma_step(const LemmaSetting& setting, std::int64_t t, std::int64_t draws,
                                     std::uint64_t seed);

}  // namespace laser::verify
