// Optimizers on the server's estimate. Momentum and weight decay act after aggregation and are never
// transmitted.
#pragma once

#include <ATen/core/Tensor.h>

namespace laser {

/// SGD with momentum, v <- mu v + (g + wd theta), theta <- theta - lr v (spec 2.3, 5; PyTorch's convention).
class Sgd {
 public:
  Sgd(double momentum, double weight_decay) : momentum_(momentum), weight_decay_(weight_decay) {}
  /// One step; `estimate` [d] is overwritten.
  void step(at::Tensor& parameters, at::Tensor& estimate, double learning_rate);

 private:
  double momentum_;
  double weight_decay_;
  at::Tensor velocity_;  // [d]; undefined before the first step
};

/// Exponential moving average of the weights with bias correction, the paper's evaluation (spec 5).
class WeightAverage {
 public:
  explicit WeightAverage(double decay) : decay_(decay) {}
  void update(const at::Tensor& parameters);
  /// The corrected average [d].
  [[nodiscard]] at::Tensor value() const;

 private:
  double decay_;
  double remaining_ = 1;  // decay^t
  at::Tensor sum_;
};

}  // namespace laser
