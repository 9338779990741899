#include "laser/theory/convergence.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "laser/core/arguments.hpp"
#include "laser/theory/condition.hpp"

namespace laser::theory {
namespace {

double noise_growth(const Problem& problem) { return 1 + problem.influence; }

double averaged_rounds(std::int64_t last_round) {
  require_at_least("the last round T", last_round, 0);
  return static_cast<double>(last_round) + 1;
}

void check_step(const Problem& problem, double step) {
  require_positive("the step size", step);
  const double largest = largest_step(problem);
  if (step > largest * (1 + 1e-12)) {
    fail(ExitCode::kConfiguration, "step size {} is above the largest of Theorem 1, {}", step, largest);
  }
}

// factor [start/(step rounds) + step noise] at the best step up to the largest, and the closed form above it.
Bound best_bound(double factor, double start, double rounds, double noise, double largest) {
  Bound bound;
  const double optimum =
      noise > 0 ? std::sqrt(start / (noise * rounds)) : std::numeric_limits<double>::infinity();
  bound.step = std::min(largest, optimum);
  bound.closed_form = factor * start / (largest * rounds) + 2 * factor * std::sqrt(noise * start / rounds);
  // Without a gap at the start the best step is 0 and nothing is left of either term.
  bound.value = start > 0 ? factor * (start / (bound.step * rounds) + bound.step * noise) : 0.0;
  return bound;
}

double convex_noise(const Problem& problem) { return 2 * problem.gradient_variance * noise_growth(problem); }

double nonconvex_noise(const Problem& problem) {
  return 1.5 * problem.smoothness * problem.gradient_variance * noise_growth(problem);
}

}  // namespace

void check(const Problem& problem) {
  require_positive("the smoothness L", problem.smoothness);
  require_nonnegative("the gradient noise factor M", problem.gradient_noise_factor);
  require_nonnegative("the quasi-convexity mu", problem.quasi_convexity);
  require_nonnegative("the gradient variance sigma^2", problem.gradient_variance);
  require_fraction("the compression quality delta", problem.compression_quality);
  require_nonnegative("the channel influence lambda", problem.influence);
}

double slowness(const Problem& problem) {
  check(problem);
  return 10 * problem.smoothness * (2 / problem.compression_quality + problem.gradient_noise_factor);
}

double largest_step(const Problem& problem) { return 1 / (slowness(problem) * noise_growth(problem)); }

bool assumption5_holds(const Problem& problem) {
  check(problem);
  return problem.influence <= largest_influence(problem.compression_quality, problem.gradient_noise_factor);
}

Bound convex_bound(const Problem& problem, std::int64_t last_round, double squared_distance) {
  require_nonnegative("the squared distance R0", squared_distance);
  return best_bound(6, squared_distance, averaged_rounds(last_round), convex_noise(problem),
                    largest_step(problem));
}

Bound nonconvex_bound(const Problem& problem, std::int64_t last_round, double gap) {
  require_nonnegative("the gap F0", gap);
  return best_bound(12, gap, averaged_rounds(last_round), nonconvex_noise(problem), largest_step(problem));
}

double convex_bound_at(const Problem& problem, std::int64_t last_round, double squared_distance,
                       double step) {
  require_nonnegative("the squared distance R0", squared_distance);
  check_step(problem, step);
  return 6 * (squared_distance / (step * averaged_rounds(last_round)) + step * convex_noise(problem));
}

QuasiConvexTerms quasi_convex_terms(const Problem& problem, std::int64_t rounds, double squared_distance) {
  require_nonnegative("the squared distance R0", squared_distance);
  require_at_least("the number of rounds T", rounds, 1);
  check(problem);
  require_positive("the quasi-convexity mu", problem.quasi_convexity);
  const double pace = slowness(problem) * noise_growth(problem);
  const double progress = problem.quasi_convexity * static_cast<double>(rounds);
  return {pace * squared_distance * std::exp(-progress / (2 * pace)),
          problem.gradient_variance * noise_growth(problem) / progress};
}

double quasi_convex_bound_at(const Problem& problem, std::int64_t last_round, double squared_distance,
                             double step) {
  if (problem.quasi_convexity == 0) return convex_bound_at(problem, last_round, squared_distance, step);
  require_nonnegative("the squared distance R0", squared_distance);
  check_step(problem, step);
  const double contraction = problem.quasi_convexity * step / 2;
  if (contraction >= 1) {
    fail(ExitCode::kConfiguration, "mu {} with step size {}: mu * step / 2 must be below 1",
         problem.quasi_convexity, step);
  }
  // W_T = ((1 - c)^-(T+1) - 1) / c, a geometric sum; expm1 keeps its small values exact.
  const double weight = std::expm1(-averaged_rounds(last_round) * std::log1p(-contraction)) / contraction;
  return 6 * (squared_distance / (step * weight) + step * convex_noise(problem));
}

NoiseConstants uncompressed_noise(const Problem& problem) {
  check(problem);
  return {problem.influence + noise_growth(problem) * problem.gradient_noise_factor,
          noise_growth(problem) * problem.gradient_variance};
}

Problem uncompressed_problem(Problem problem, double influence) {
  problem.compression_quality = 1;
  problem.influence = influence;
  check(problem);
  return problem;
}

Comparison compare(const Problem& problem, const Problem& other, double squared_distance) {
  require_nonnegative("the squared distance R0", squared_distance);
  const double pace = slowness(problem) * noise_growth(problem);
  const double other_pace = slowness(other) * noise_growth(other);
  // With u = sqrt(R0/(T + 1)) both closed forms are 6 pace u^2 + 12 sqrt(2 sigma^2 Lam) u.
  const double noise = std::sqrt(2 * problem.gradient_variance * noise_growth(problem));
  const double other_noise = std::sqrt(2 * problem.gradient_variance * noise_growth(other));
  Comparison result;
  result.early = other_pace / pace;
  result.late = std::sqrt(noise_growth(other) / noise_growth(problem));
  if (noise > other_noise || (noise == other_noise && pace >= other_pace)) {
    result.rounds = std::numeric_limits<double>::infinity();
  } else if (pace <= other_pace) {
    result.rounds = 1;
  } else {
    const double u = 2 * (other_noise - noise) / (pace - other_pace);
    result.rounds = std::max(1.0, squared_distance / (u * u));
  }
  return result;
}

}  // namespace laser::theory
