// What the receiver does to a decoded block before the compressor reads it.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "laser/compress/compressor.hpp"

namespace laser {

/// MMSE receive scaling (spec 1.4): every group c of `values` [C, D] is multiplied, in place, by w = S / (S +
/// D sigma^2) with S = ||reference_c||^2 of the exact mean (`genie`), or by the plug-in max(0, 1 - D sigma^2
/// / ||reference_c||^2) of the decoded block itself. Smaller error, but biased: w < 1 acts as a step-size
/// factor.
void apply_mmse(at::Tensor& values, const at::Tensor& reference, const std::vector<double>& noise_std,
                bool genie);

/// The matched weight w = (1 + lambda)^-exponent of a block: lambda = sum_c D_c sigma_c^2 / mean_i sum_c
/// N_ic^2 over the active workers, the noise against the energy of one worker's message (docs/beyond.md). It
/// uses only `norms` [k, groups] that the server knows anyway; 1 where nothing was sent.
double matched_weight(std::span<const Reception> blocks, std::span<const double> norms,
                      std::span<const char> active, double exponent = 1);

}  // namespace laser
