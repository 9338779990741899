// The noise of the air, or draws that tests and known answers bring in its place.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "laser/core/random.hpp"

namespace laser {

/// Where standard normals come from; tests and known answers bring their own draws. Asked by several threads
/// at once, for different streams.
class NoiseSource {
 public:
  virtual ~NoiseSource() = default;
  /// Standard normals of the given sizes, number i at flat position i of the stream.
  virtual at::Tensor normal(at::IntArrayRef sizes, at::ScalarType type, const StreamKey& key) = 0;
  /// values [C, D] += noise_std[c] * normal [C, D], in place.
  virtual void add(at::Tensor& values, std::span<const double> noise_std, const StreamKey& key);
};

/// Noise addressed by the stream's key (core/random.hpp): the same bits for every
/// thread and process count.
class AddressedNoise final : public NoiseSource {
 public:
  at::Tensor normal(at::IntArrayRef sizes, at::ScalarType type, const StreamKey& key) override;
  void add(at::Tensor& values, std::span<const double> noise_std, const StreamKey& key) override;
};

}  // namespace laser
