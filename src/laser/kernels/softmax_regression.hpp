// Loss and gradient of the single-layer classifier on sparse grey images: logits = bias +
// x W, softmax, cross-entropy.
//
// An image touches only the weight rows of its non-zero pixels. Weights are stored by pixel, [columns][16],
// with the classes padded to 16 lanes, so that a row is one AVX-512 vector. No fused multiply-add and no sums
// across lanes in an order of the machine's choice: every SIMD level gives the same bits. Weights and
// gradient should start at a multiple of 64 bytes: rows that straddle cache lines take twice as long. Nothing
// is allocated or kept between calls.
#pragma once

#include <cstdint>
#include <span>

#include "laser/core/sparse_rows.hpp"

namespace laser {

/// Classes are padded to this many lanes; weights and gradients of the lanes from `classes` on
/// are ignored and left.
inline constexpr int kClassLanes = 16;

/// Summed cross-entropy of the images `ids`, whose pixel value v counts as value_table[v]. Adds
/// scale * d loss / d weights to gradient [columns][16] and scale * d loss / d bias to bias_gradient [16].
/// labels: of all images, by id, below `classes`; weights: [columns][16]; bias: [16]; 1 <= classes <= 16.
double softmax_regression_gradient(const SparseRows& rows, std::span<const std::int32_t> ids,
                                   std::span<const std::uint8_t> labels, int classes, const float* weights,
                                   const float* bias, std::span<const float, 256> value_table,
                                   float* gradient, float* bias_gradient, float scale);

/// What an evaluation counts.
struct SoftmaxScore {
  std::int64_t correct = 0;  // images whose largest logit (of equal ones: the lowest class) is the label's
  double loss = 0;           // summed cross-entropy
};

/// Score of the images first .. last - 1; other arguments as above.
SoftmaxScore softmax_regression_evaluate(const SparseRows& rows, std::int64_t first, std::int64_t last,
                                         std::span<const std::uint8_t> labels, int classes,
                                         const float* weights, const float* bias,
                                         std::span<const float, 256> value_table);

namespace reference {

/// softmax_regression_gradient() in double, straight from the formulas.
double softmax_regression_gradient(const SparseRows& rows, std::span<const std::int32_t> ids,
                                   std::span<const std::uint8_t> labels, int classes, const float* weights,
                                   const float* bias, std::span<const float, 256> value_table,
                                   double* gradient, double* bias_gradient, double scale);

}  // namespace reference
}  // namespace laser
