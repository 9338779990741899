// The ResNet18 for 32 x 32 colour images (spec 5, E2 and E3; shapes in 5.1): batches in, gradients out.
//
// Parameters, BatchNorm statistics and gradients are flat vectors of the caller; the network keeps no state,
// so any number of threads may use one object. Statistics are local to each worker, which is why the workers'
// batches are never joined into one. Works wherever LibTorch does (CPU, CUDA), in float or double. This is
// not a training loop: data and optimizer are elsewhere.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "laser/core/layout.hpp"
#include "laser/model/evaluation.hpp"

namespace laser {

struct ResNet18Options {
  bool channels_last = true;  // memory format of the activations
  bool bfloat16 = false;      // convolutions in bfloat16 under autocast; parameters and gradients stay float
};

/// The examples of one worker in one round.
struct LabelledImages {
  at::Tensor images;  // [n, 3, 32, 32], fastest in channels-last memory
  at::Tensor labels;  // [n] int64
};

class ResNet18 {
 public:
  /// Throws Error (configuration) on a dimension below 1.
  explicit ResNet18(std::int64_t classes = 10, std::int64_t width = 64, ResNet18Options options = {});

  /// The 62 tensors of resnet18_layout(classes, width).
  [[nodiscard]] const Layout& layout() const { return layout_; }
  /// Running mean and variance of the 20 BatchNorms in the order of the layout; its size is B.
  [[nodiscard]] const Layout& buffer_layout() const { return buffer_layout_; }

  /// Uniform on +-1/sqrt(fan_in) for the weights and biases of convolutions and the linear layer, from the
  /// seed's streams (spec 5); BatchNorm starts as the identity. `parameters` [d] float, on any device.
  void initialise(const at::Tensor& parameters, std::uint64_t seed) const;
  /// Statistics before the first batch [B] float: means 0, variances 1.
  [[nodiscard]] at::Tensor initial_buffers() const;

  /// Mean cross-entropy of a batch at `parameters` [d]; its gradient overwrites `gradient` [d]. `buffers` [B]
  /// of this worker move by momentum 0.1 towards the batch's statistics (variance unbiased). Thread-safe.
  double gradient(const at::Tensor& parameters, const LabelledImages& batch, const at::Tensor& buffers,
                  const at::Tensor& gradient) const;

  /// The same for every worker: batches[i], row i of `buffers` [K, B] and of `gradients` [K, d], losses[i].
  /// On the CPU each worker is computed by one thread, so the bits do not depend on the number of threads.
  void gradients_of_workers(const at::Tensor& parameters, std::span<const LabelledImages> batches,
                            const at::Tensor& buffers, const at::Tensor& gradients,
                            std::span<double> losses) const;

  /// Accuracy and mean loss with the running statistics `buffers` [B], over all `examples` in pieces of
  /// `batch_size`. Same bits for every number of threads.
  [[nodiscard]] Evaluation evaluate(const at::Tensor& parameters, const at::Tensor& buffers,
                                    const LabelledImages& examples, std::int64_t batch_size = 250) const;

 private:
  class Pass;
  [[nodiscard]] at::Tensor backward(const at::Tensor& parameters, const LabelledImages& batch,
                                    const at::Tensor& buffers, const at::Tensor& gradient) const;

  Layout layout_;
  Layout buffer_layout_;
  ResNet18Options options_;
};

}  // namespace laser
