// How far the estimate of a round is from its noiseless message, over many rounds of the real aggregator.
//
// Every round starts from the same state and has its own channel noise, so rounds are independent draws. The
// code under test is aggregate/, compress/ and channel/; nothing of it is repeated here.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "laser/aggregate/aggregator.hpp"
#include "laser/verify/check.hpp"

namespace laser::verify {

/// A round that is repeated: what the workers hold, and what would be decoded without noise.
struct Scheme {
  std::string name;
  Layout layout;
  Algorithm algorithm;
  std::int64_t workers = 1;
  std::int64_t first_round = 0, round_step = 1;  // alternating: 0, 2, 4, ... or 1, 3, 5, ...
  /// Gradients [k, d] of a round, float64.
  std::function<at::Tensor(std::int64_t round)> gradients;
  /// The noiseless message X [d] of a round with this estimate [d]; empty: that of `first_round`
  /// on a noiseless channel.
  std::function<at::Tensor(const at::Tensor& estimate)> signal;
};

/// Moments of the relative error e = (y - X) / ||X|| over the rounds.
struct ErrorMoments {
  Estimate influence;     // E ||e||^2: the channel influence factor of Definition 1
  Estimate gain;          // E <y, X> / ||X||^2: 1 without bias
  Estimate squared_bias;  // ||E e||^2, estimated without bias: scatters around 0 where there is none
  double energy_use = 0;  // largest energy that a worker sent in a round, over the budget
  std::int64_t samples = 0;
};

/// Rounds of a measurement: `batches` groups (the standard error of the squared bias comes from their spread)
/// of `batch_size` each.
struct SampleSize {
  std::int64_t batches = 64;
  std::int64_t batch_size = 128;
  [[nodiscard]] std::int64_t rounds() const { return batches * batch_size; }
};

/// Runs the scheme with `power` per worker and round, noise variance 1.
[[nodiscard]] ErrorMoments measure(const Scheme& scheme, double power, SampleSize size, std::uint64_t seed);

/// The estimate [d] of round `scheme.first_round` on a noiseless channel.
[[nodiscard]] at::Tensor noiseless_estimate(const Scheme& scheme, std::uint64_t seed);

/// A seed of its own for measurement `index` of a verification, so that measurements are independent.
[[nodiscard]] std::uint64_t derived_seed(std::uint64_t seed, std::uint32_t index);

/// A rows x columns matrix with all singular directions in play, singular values falling by about `decay`
/// each, and Frobenius norm 1; float64.
[[nodiscard]] at::Tensor decaying_matrix(std::int64_t rows, std::int64_t columns, double decay,
                                         std::uint64_t seed);

}  // namespace laser::verify
