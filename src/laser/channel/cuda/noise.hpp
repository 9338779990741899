// Channel noise on tensors that lie on an NVIDIA GPU. Only in builds with LASER_CUDA.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "laser/core/random.hpp"

namespace laser::cuda {

/// values [C, D] += noise_std[c] * normal [C, D], in place, in the current stream; contiguous; float, double
/// or bfloat16. The same bits as on the CPU.
void add_noise(at::Tensor& values, std::span<const double> noise_std, const StreamKey& key);

}  // namespace laser::cuda
