#include "laser/train/optimizer.hpp"

#include <ATen/ATen.h>

namespace laser {

void Sgd::step(at::Tensor& parameters, at::Tensor& estimate, double learning_rate) {
  if (weight_decay_ != 0) {
    for (const auto& [first, size] : decayed_) {
      estimate.narrow(0, first, size).add_(parameters.narrow(0, first, size), weight_decay_);
    }
  }
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

NamedTensors Sgd::state() const {
  if (!velocity_.defined()) return {};
  return {{"velocity", velocity_}};
}

void Sgd::load_state(const NamedTensors& state) {
  velocity_ = state.contains("velocity") ? state.at("velocity") : at::Tensor();
}

void WeightAverage::update(const at::Tensor& values) {
  if (!sum_.defined()) sum_ = at::zeros_like(values);
  sum_.mul_(decay_).add_(values, 1 - decay_);
  remaining_ *= decay_;
}

at::Tensor WeightAverage::value() const { return sum_ / (1 - remaining_); }

NamedTensors WeightAverage::state() const {
  if (!sum_.defined()) return {};
  return {{"sum", sum_}, {"remaining", at::scalar_tensor(remaining_, at::kDouble)}};
}

void WeightAverage::load_state(const NamedTensors& state) {
  if (!state.contains("sum")) return;
  sum_ = state.at("sum");
  remaining_ = state.at("remaining").item<double>();
}

}  // namespace laser
