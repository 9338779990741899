// Algorithm 1 on a test function without gradient noise, through the real aggregator: theta <- theta - y, M =
// e + gamma g, k = 1 (spec 2.3 with s = gamma; [LASER, Algorithm 1]), `one_shot` with a fresh basis each
// round. The factors are P orthonormal and Q = M^T P, so the rank-one terms are orthogonal and Lemma 10
// holds; ||P P^T M|| >= ||M Q|| and E ||M Q||^2 = (r/n) ||M||^2 for a random Q, so delta_r >= r/n whatever
// the message is.
#pragma once

#include <cstdint>

#include "laser/theory/convergence.hpp"
#include "laser/verify/objective.hpp"

namespace laser::verify {

inline constexpr double kDescentSnr = 100;           // P/(m n): Assumption 5 holds
inline constexpr std::int64_t kDescentRows = 48;     // m
inline constexpr std::int64_t kDescentColumns = 32;  // n
inline constexpr std::int64_t kDescentRank = 4;      // r

/// One run.
struct DescentOptions {
  std::int64_t rank = kDescentRank;
  double power = 0;             // per round; infinite: a noiseless channel
  double step = 0;              // gamma
  std::int64_t last_round = 0;  // T: the iterates are x_0 .. x_T
  double weight_decay = 0;      // out is x_t with probability proportional to (1 - weight_decay)^-t
  std::uint64_t seed = 0;
};

/// What a run leaves.
struct DescentResult {
  double gap = 0;               // sum_t w_t (f(x_t) - f*) / sum_t w_t = E f(out) - f* of this run
  double squared_gradient = 0;  // the same mean of ||grad f(x_t)||^2
  bool diverged = false;        // the run was stopped: both are infinite
};

/// The problem of Theorem 1 for this method on a function at `power`: delta = r/n, lambda from Lemma 10.
[[nodiscard]] theory::Problem descent_problem(const Objective& objective, double power);

/// Runs Algorithm 1. Throws nothing for divergence: it is a result.
[[nodiscard]] DescentResult descend(const Objective& objective, const DescentOptions& options);

}  // namespace laser::verify
