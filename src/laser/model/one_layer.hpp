// The paper's MNIST model: one linear layer and softmax cross-entropy on sparse grey images (spec 5, E4).
//
// Pixels enter as (v / 255 - mean) / std. The kernel sees v / (255 std) only, non-zero entries alone; the
// constant shift mean / std moves into the bias and is added to the gradient afterwards.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "laser/core/aligned.hpp"
#include "laser/core/layout.hpp"
#include "laser/core/sparse_rows.hpp"
#include "laser/model/evaluation.hpp"

namespace laser {

/// Scratch of one thread, kept between calls.
struct OneLayerScratch {
  AlignedVector<float> gradient;  // [pixels, 16]
};

class OneLayer {
 public:
  static constexpr std::int64_t kMostClasses = 16;
  /// A classifier of `pixels` inputs into at most 16 classes, pixels normalised by `mean` and `std`.
  OneLayer(std::int64_t pixels, std::int64_t classes, double mean, double std);

  /// weight [classes, pixels], bias [classes].
  [[nodiscard]] const Layout& layout() const { return layout_; }
  /// Uniform on +-1/sqrt(pixels) for weights and biases, from the seed's stream (spec 5). `parameters` [d].
  void initialise(std::span<float> parameters, std::uint64_t seed) const;
  /// Takes over the weights at which gradients and evaluations are made.
  void load(std::span<const float> parameters);
  /// Mean cross-entropy of the examples `ids`; its gradient is written to `gradient` [d]. Thread-safe.
  double gradient(const SparseRows& rows, std::span<const std::uint8_t> labels,
                  std::span<const std::int32_t> ids, std::span<float> gradient,
                  OneLayerScratch& scratch) const;
  /// Over all rows.
  [[nodiscard]] Evaluation evaluate(const SparseRows& rows, std::span<const std::uint8_t> labels) const;

 private:
  static constexpr std::size_t kLanes = 16;
  std::int64_t pixels_;
  std::int64_t classes_;
  float shift_;                     // mean / std
  std::array<float, 256> values_;   // v / (255 std)
  AlignedVector<float> weights_;    // [pixels, 16]
  std::array<float, kLanes> bias_;  // with the shift folded in
  Layout layout_;
};

}  // namespace laser
