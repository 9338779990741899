// The fused pass on tensors: M = e + s g of many parameter tensors and workers in one call, with the
// products that compressors want of it (kernels/fused_pass.hpp does the work).
//
// The arithmetic for other devices and number types, and the oracle of the kernels, is products_of().
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "laser/core/factors.hpp"
#include "laser/core/random.hpp"

namespace laser {

/// One parameter tensor of the local workers in a pass.
struct PassTensor {
  at::Tensor memory;  // [K, m, n] contiguous: e on entry (before `pending`), M afterwards; undefined: M is g
  at::Tensor gradient;  // [K, m, n], each worker's part contiguous; undefined: nothing is added
  double scale = 1;     // s; 1 where there is no memory
  Factors pending;      // [r, m] or [K, r, m], and likewise: e = memory - left^T right
  Projection projection;
  bool norms_wanted = false;
  StreamKey rounding;         // of a bfloat16 memory; the unit is set to the worker
  Factors products;           // result
  std::vector<double> norms;  // result: [K] ||M_i||, where wanted
};

/// Runs the pass. float32 and float64, and bfloat16 memories or gradients with float32 factors; CPU.
void fused_pass(std::span<PassTensor> tensors, std::uint32_t first_worker = 0);

/// The largest magnitude of the numbers of a tensor on the CPU whose rows, along the first dimension, are
/// contiguous: infinite or NaN where one of them is (kernels/magnitude.hpp). float32, float64 or bfloat16.
double largest_magnitude(const at::Tensor& tensor);

/// Products of messages [K, m, n] by LibTorch's operations, on any device.
Factors products_of(const at::Tensor& message, const Projection& projection);

/// Products of messages that lie in memory already: the fused pass where it can, else products_of().
Factors project(const at::Tensor& message, const Projection& projection);

/// A place [m, n], contiguous, for the product of factors [r, m] and [r, n].
struct ProductTensor {
  Factors factors;
  at::Tensor out;
};

/// out = left^T right for all of them in one call.
void write_products(std::span<const ProductTensor> products);

}  // namespace laser
