// The low-rank sweep on tensors: M = e + s g of many parameter tensors and workers in one call, with the
// products that compressors want of it (kernels/low_rank_sweep.hpp does the work).
//
// The arithmetic for other devices and number types, and the oracle of the kernels, is products_of().
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "laser/core/random.hpp"

namespace laser {

/// Factors of [m, n] matrices left^T right: left [r, m] and right [r, n], or [K, r, m] and [K, r, n]. Either
/// may be undefined where only the other is meant.
struct Factors {
  at::Tensor left;
  at::Tensor right;
  [[nodiscard]] bool defined() const { return left.defined() && right.defined(); }
};

/// Products of the message M that a compressor asks for before it encodes; undefined bases ask for nothing.
struct Projection {
  at::Tensor left_basis;   // B [r, m]: the right factor B M, [K, r, n]
  at::Tensor right_basis;  // B [r, n]: the left factor B M^T, [K, r, m]
  bool compose = false;    // with a right basis: the right factor is (left factor) M
  [[nodiscard]] bool wanted() const { return left_basis.defined() || right_basis.defined(); }
};

/// One parameter tensor of the local workers in a sweep.
struct SweepTensor {
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

/// Runs the sweep. float32 and float64, and bfloat16 memories or gradients with float32 factors; CPU.
void sweep(std::span<SweepTensor> tensors, std::uint32_t first_worker = 0);

/// The largest magnitude of the numbers of a tensor on the CPU whose rows, along the first dimension, are
/// contiguous: infinite or NaN where one of them is (kernels/magnitude.hpp). float32, float64 or bfloat16.
double largest_magnitude(const at::Tensor& tensor);

/// Products of messages [K, m, n] by LibTorch's operations, on any device.
Factors products_of(const at::Tensor& message, const Projection& projection);

/// Products of messages that lie in memory already: the sweep where it can, else products_of().
Factors project(const at::Tensor& message, const Projection& projection);

/// A place [m, n], contiguous, for the product of factors [r, m] and [r, n].
struct ProductTensor {
  Factors factors;
  at::Tensor out;
};

/// out = left^T right for all of them in one call.
void write_products(std::span<const ProductTensor> products);

}  // namespace laser
