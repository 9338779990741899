// Algorithm 1 on a test function, through the real aggregator: theta <- theta - y, M = e + gamma g, k = 1
// (spec 2.3 with s = gamma; [LASER, Algorithm 1]). The factors are P orthonormal and Q = M^T P, so the
// rank-one terms are orthogonal and Lemma 10 holds.
#pragma once

#include <cstdint>
#include <string>

#include "laser/verify/objective.hpp"

namespace laser::verify {

/// The methods that are compared.
enum class Method {
  kFresh,       // LASER one-shot, a fresh random basis each round: delta_r >= r/n whatever the message is
  kWarm,        // LASER one-shot, bases carried over from round to round, as in training
  kNoFeedback,  // kFresh without error memory: the theorem does not cover it
  kZsgd,        // Z-SGD
};

/// "LASER, fresh basis", ...
[[nodiscard]] std::string method_name(Method method);

/// One run.
struct DescentOptions {
  Method method = Method::kFresh;
  std::int64_t rank = 4;
  double power = 0;             // per round; infinite: a noiseless channel
  double step = 0;              // gamma
  std::int64_t last_round = 0;  // T: the iterates are x_0 .. x_T
  double gradient_variance =
      0;                    // sigma^2 = E ||xi||^2; xi = sigma a b^T with Gaussian a, b, as of one sample
  double weight_decay = 0;  // out is x_t with probability proportional to (1 - weight_decay)^-t
  std::uint64_t seed = 0;
};

/// What a run leaves.
struct DescentResult {
  double gap = 0;               // sum_t w_t (f(x_t) - f*) / sum_t w_t = E f(out) - f* of this run
  double squared_gradient = 0;  // the same mean of ||grad f(x_t)||^2
  // Of every kDiagnosedRounds-th round:
  double influence = 0;      // mean of ||y - C(M)||^2 / ||C(M)||^2
  double least_quality = 1;  // smallest 1 - ||M - C(M)||^2 / ||M||^2
  double mean_quality = 0;
  bool diverged = false;  // the run was stopped: gap and squared_gradient are infinite
};

/// Every so many rounds lambda and delta are measured.
inline constexpr std::int64_t kDiagnosedRounds = 8;

/// Runs Algorithm 1. Throws nothing for divergence: it is a result.
[[nodiscard]] DescentResult descend(const Objective& objective, const DescentOptions& options);

}  // namespace laser::verify
