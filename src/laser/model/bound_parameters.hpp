// A model's parameter tensors as leaves of autograd, over flat vectors that the rest of the program owns.
//
// Values are views of the flat parameters [d]; gradients accumulate straight into a row [d] of the gradient
// bank, so that backward needs no copy. Threads that work at the same parameters each bind their own (a bind
// makes views, no copies). Nothing here knows a model.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "laser/core/layout.hpp"

namespace laser {

class BoundParameters {
 public:
  explicit BoundParameters(const Layout& layout) : layout_(layout) {}
  /// Points the leaves at `parameters` [d], contiguous; kept alive, never written to.
  void bind(const at::Tensor& parameters);
  /// Lets the next backward add its gradients to `row` [d], contiguous (zero it first for a plain gradient).
  void accumulate_into(const at::Tensor& row);
  /// Forgets the row; leaves no longer collect gradients anywhere of ours.
  void release();
  /// Leaf number `index` of the layout, in its own shape.
  [[nodiscard]] const at::Tensor& operator[](std::size_t index) const { return leaves_[index]; }
  [[nodiscard]] std::size_t size() const { return leaves_.size(); }

 private:
  Layout layout_;
  std::vector<at::Tensor> leaves_;
};

}  // namespace laser
