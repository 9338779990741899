// A classifier with hidden layers of rectified units and softmax cross-entropy, its gradients written out:
// all workers in one batch of products. Not for large models; model/resnet18.hpp shows how those are done.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "laser/core/layout.hpp"
#include "laser/model/evaluation.hpp"

namespace laser {

/// Examples [..., inputs] with labels [...] of the same leading sizes.
struct LabelledRows {
  at::Tensor inputs;  // float
  at::Tensor labels;  // int64
};

class Perceptron {
 public:
  /// Hidden layers of these sizes; without any it is a linear classifier.
  Perceptron(std::int64_t inputs, const std::vector<std::int64_t>& hidden, std::int64_t classes);
  /// hidden.weight [hidden, inputs], hidden.bias, output.weight [classes, hidden], output.bias; several
  /// hidden layers are hidden.1, hidden.2, ...
  [[nodiscard]] const Layout& layout() const { return layout_; }
  /// Uniform on +-1/sqrt(inputs of the layer) for weights and biases, from the seed's streams. [d]
  void initialise(at::Tensor& parameters, std::uint64_t seed) const;
  /// Mean cross-entropy of every worker's examples [K, n, inputs] at `parameters` [d], or [K, d] where each
  /// has its own: losses [K], and its gradients in the rows of `gradients` [K, d].
  void gradients(const at::Tensor& parameters, const LabelledRows& examples, at::Tensor& gradients,
                 std::span<double> losses) const;
  /// Over examples [n, inputs].
  [[nodiscard]] Evaluation evaluate(const at::Tensor& parameters, const LabelledRows& examples) const;

 private:
  /// Tensor number `index` of the layout in flat numbers [..., d].
  [[nodiscard]] at::Tensor part(const at::Tensor& flat, std::size_t index) const;
  /// What goes into every layer, and the scores: [n, inputs], [n, hidden], ..., [n, classes]; with K models
  /// [K, d] a leading K before each.
  [[nodiscard]] std::vector<at::Tensor> forward(const at::Tensor& parameters, const at::Tensor& inputs) const;

  Layout layout_;
};

}  // namespace laser
