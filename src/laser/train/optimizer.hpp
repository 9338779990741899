// Optimizers on the server's estimate. Momentum and weight decay act after aggregation and are never
// transmitted.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "laser/compress/compressor.hpp"

namespace laser {

/// Runs of the parameter vector, (first, size), in order.
using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// SGD with momentum, v <- mu v + (g + wd theta), theta <- theta - lr v (spec 2.3, 5; PyTorch's convention).
class Sgd {
 public:
  /// `decayed`: where weight decay acts.
  Sgd(double momentum, double weight_decay, Ranges decayed)
      : momentum_(momentum), weight_decay_(weight_decay), decayed_(std::move(decayed)) {}
  /// One step; `estimate` [d] is overwritten.
  void step(at::Tensor& parameters, at::Tensor& estimate, double learning_rate);
  /// "velocity" [d] once there is one.
  [[nodiscard]] NamedTensors state() const;
  /// Restores what `state` returned.
  void load_state(const NamedTensors& state);

 private:
  double momentum_;
  double weight_decay_;
  Ranges decayed_;
  at::Tensor velocity_;  // [d]; undefined before the first step
};

/// Exponential moving average with bias correction, the paper's evaluation (spec 5).
class WeightAverage {
 public:
  explicit WeightAverage(double decay) : decay_(decay) {}
  void update(const at::Tensor& values);
  /// The corrected average, of the shape of the values.
  [[nodiscard]] at::Tensor value() const;
  /// "sum" and "remaining" once there are any.
  [[nodiscard]] NamedTensors state() const;
  /// Restores what `state` returned.
  void load_state(const NamedTensors& state);

 private:
  double decay_;
  double remaining_ = 1;  // decay^t
  at::Tensor sum_;
};

}  // namespace laser
