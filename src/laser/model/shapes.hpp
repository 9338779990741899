// The names and shapes of the parameter tensors of the paper's models (spec 5.1),
// without the models themselves.
//
// Data volumes, power plans and tests need only these lists; the modules that compute with them are elsewhere
// in model/ and must agree with this order. No Torch here.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "laser/core/layout.hpp"

namespace laser {

/// Names that model_layout knows: the three of the paper and the 100-class ResNet.
[[nodiscard]] std::vector<std::string_view> model_names();

/// The layout of a named model at the paper's size: mnist_linear (7,850 parameters), resnet18_cifar10
/// (11,173,962), resnet18_cifar100 (11,220,132), gpt2 (123,980,544); spec 5.1. Throws Error (configuration)
/// that lists the names.
[[nodiscard]] Layout model_layout(std::string_view name);

/// One linear layer: weight [outputs, inputs] and bias [outputs] (spec 5, E4). Throws Error (configuration)
/// on a dimension below 1.
[[nodiscard]] Layout linear_layout(std::int64_t inputs = 784, std::int64_t outputs = 10);

/// ResNet18 with a 3x3 stem for 32x32 images, stages of width w, 2w, 4w, 8w, two basic blocks each, 1x1
/// shortcuts at stages 2 to 4 (spec 5.1). Throws Error (configuration) on a dimension below 1.
[[nodiscard]] Layout resnet18_layout(std::int64_t classes = 10, std::int64_t width = 64);

/// The size of a GPT-2 (spec 5.1); the defaults are the paper's.
struct Gpt2Size {
  std::int64_t layers = 12;
  std::int64_t width = 768;
  std::int64_t context = 512;
  std::int64_t vocabulary = 50304;
  bool biases = false;  // in linear layers and layer norms
};

/// A GPT-2 with tied head: weights are [outputs, inputs] (spec 5.1). Throws Error (configuration) on a
/// dimension below 1.
[[nodiscard]] Layout gpt2_layout(const Gpt2Size& size = {});

}  // namespace laser
