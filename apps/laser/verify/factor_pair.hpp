// Any two factors over the channel, with energies chosen by hand: y = Y_p Y_q^T with Y_p, Y_q as received.
//
// The aggregator only sends factors that the compressor makes; the counter-examples to Lemmas 8 and 10 need
// others. Channel scales and noise are those of channel/.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "laser/verify/moments.hpp"

namespace laser::verify {

/// Mean of ||y - P Q^T||^2 / ||P Q^T||^2 over the rounds, one worker; `left` [r, m] and `right` [r, n] hold
/// the columns of P and Q, the energies are alpha_j and beta_j [r].
[[nodiscard]] Estimate measure_factor_pair(const at::Tensor& left, const at::Tensor& right,
                                           std::span<const double> left_energies,
                                           std::span<const double> right_energies, std::int64_t rounds,
                                           std::uint64_t seed);

}  // namespace laser::verify
