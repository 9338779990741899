// Gradients of the paper's models without the models: tensors of the right shapes,
// filled with normal numbers.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "laser/core/layout.hpp"

namespace laser::bench {

struct GradientSet {
  std::string model;
  std::int64_t workers = 1;
  Layout layout;
  at::Tensor bank;  // [K, d]
};

/// `model`: a name of model/shapes.hpp, or "square<n>" for one n x n layer. Throws Error (configuration).
GradientSet make_gradient_set(const std::string& model, std::int64_t workers);

}  // namespace laser::bench
