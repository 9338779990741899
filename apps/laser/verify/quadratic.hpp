// Algorithm 1 on a quadratic through the real aggregator, k workers, beside the recursion of its second
// moments (theory/second_moments.hpp): the same subject is simulated and predicted.
//
// What is random is drawn here (the gradients' noise) and in aggregate/, compress/ and channel/ (bases,
// channel); the recursion only knows their moments.
#pragma once

#include <string>
#include <vector>

#include "laser/aggregate/algorithm.hpp"
#include "laser/theory/second_moments.hpp"

namespace laser::verify {

/// How the noise of a worker's gradient is drawn; all have the moments that theory::QuadraticRound states.
enum class GradientNoise {
  kEntrywise,  // every entry normal and independent
  kTangent,    // orthogonal to the gradient and of exactly the length sqrt(M ||grad f||^2 + sigma^2): workers
               // of equal norm; right in sum only, so curvatures must be equal
  kRotated,    // one noise, and a rotation of column pairs by +-angle at every other worker:
               // theory::Workers::rotated
};

/// An algorithm on a quadratic.
struct QuadraticSubject {
  std::string name;
  theory::Quadratic quadratic;
  std::vector<double> start;     // x_0 [m n]
  Algorithm algorithm;           // the recursion holds where its basis is fresh each round
  theory::QuadraticRound round;  // what the recursion is told; `sent` of the first round
  bool alternates = false;       // row_space in even rounds, column_space in odd ones
  std::int64_t round_step = 1;   // 2 stays with one parity
  std::int64_t rounds = 0;       // T
  std::int64_t repetitions = 1;  // times the usual number of runs
  GradientNoise noise = GradientNoise::kEntrywise;
};

/// A run: the totals after every round (index 0: after the first), [T].
using Trajectory = std::vector<theory::MomentTotals>;

/// One run with the randomness of `seed`.
[[nodiscard]] Trajectory simulate(const QuadraticSubject& subject, std::uint64_t seed);

/// Its expectation.
[[nodiscard]] Trajectory predict(const QuadraticSubject& subject);

/// The round of the recursion in round t of the subject.
[[nodiscard]] theory::QuadraticRound round_at(const QuadraticSubject& subject, std::int64_t t);

/// lambda of the subject: the channel's noise energy over that of the mean of what is sent, where the noise
/// of the gradients dominates: D/(P k) for independent workers, spread D/(P k^2) for rotated ones, D the mean
/// number of symbols a round.
[[nodiscard]] double subject_influence(const QuadraticSubject& subject);

/// The same subject with `factor` times the lambda.
[[nodiscard]] QuadraticSubject with_influence_times(QuadraticSubject subject, double factor);

}  // namespace laser::verify
