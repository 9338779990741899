#include "laser/train/optimizer.hpp"

#include <ATen/ATen.h>

namespace laser {

void Sgd::step(at::Tensor& parameters, at::Tensor& estimate, double learning_rate) {
  if (weight_decay_ != 0) estimate.add_(parameters, weight_decay_);
  if (momentum_ == 0) {
    parameters.sub_(estimate, learning_rate);
    return;
  }
  if (velocity_.defined()) {
    velocity_.mul_(momentum_).add_(estimate);
  } else {
    velocity_ = estimate.clone();
  }
  parameters.sub_(velocity_, learning_rate);
}

void WeightAverage::update(const at::Tensor& parameters) {
  if (!sum_.defined()) sum_ = at::zeros_like(parameters);
  sum_.mul_(decay_).add_(parameters, 1 - decay_);
  remaining_ *= decay_;
}

at::Tensor WeightAverage::value() const { return sum_ / (1 - remaining_); }

}  // namespace laser
