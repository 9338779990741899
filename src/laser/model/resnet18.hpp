// The ResNet18 for 32 x 32 colour images (spec 5, E2 and E3; shapes in 5.1): the workers' batches
// in, their gradients out.
//
// Parameters, BatchNorm statistics and gradients are flat vectors of the caller; the network keeps no state.
// A worker differs from the others in its statistics and in its weight gradients only. So convolutions and
// their input gradients are computed for several workers at once, and each weight gradient goes from one
// worker's activations to its row of the gradient bank. Backward is written out: nothing is recorded, a row
// needs neither clearing nor adding. Works wherever LibTorch does (CPU, CUDA). This is not a training loop:
// data and optimizer are elsewhere.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "laser/core/layout.hpp"
#include "laser/model/evaluation.hpp"

namespace laser {

struct ResNet18Options {
  bool channels_last = true;  // memory format of the activations
  // Activations and convolutions, as under autocast; all that is the caller's stays float
  bool bfloat16 = false;
};

/// Images and what they show.
struct LabelledImages {
  at::Tensor images;  // [n, 3, 32, 32], fastest in channels-last memory
  at::Tensor labels;  // [n] int64
};

class ResNet18 {
 public:
  /// Throws Error (configuration) on a dimension below 1.
  explicit ResNet18(std::int64_t classes = 10, std::int64_t width = 64, ResNet18Options options = {});

  /// Whether weight decay acts on a tensor: all but BatchNorm's weights and biases.
  [[nodiscard]] static bool decays(const Layer& layer) {
    return layer.is_matrix() || layer.name.starts_with("linear") || layer.name.starts_with("fc");
  }

  /// The 62 tensors of resnet18_layout(classes, width).
  [[nodiscard]] const Layout& layout() const { return layout_; }
  /// Running mean and variance of the 20 BatchNorms in the order of the layout; its size is B.
  [[nodiscard]] const Layout& buffer_layout() const { return buffer_layout_; }

  /// Uniform on +-1/sqrt(fan_in) for the weights and biases of convolutions and the linear layer, from the
  /// seed's streams (spec 5); BatchNorm starts as the identity. `parameters` [d] float, on any device.
  void initialise(const at::Tensor& parameters, std::uint64_t seed) const;
  /// Statistics before the first batch [B] float: means 0, variances 1.
  [[nodiscard]] at::Tensor initial_buffers() const;

  /// Gradients of K workers at `parameters` [d], or [K, d] where each has its own: `batches` holds n examples
  /// of each worker in turn [K n]; worker k's mean cross-entropy over them is written to losses[k], its
  /// gradient to row k of `gradients` [K, d]. Row k of `buffers` [K, B] moves by momentum 0.1 towards the
  /// statistics of worker k's batch (variance unbiased). On the CPU, groups of workers run on one thread
  /// each, so the bits do not depend on the number of threads; a single group (one worker, or K n <= 16) uses
  /// all threads, and its rounding may depend on their number.
  void gradients(const at::Tensor& parameters, const LabelledImages& batches, const at::Tensor& buffers,
                 const at::Tensor& gradients, std::span<double> losses) const;

  /// Memory that gradients and evaluations take on the CPU beside their arguments, bytes, estimated: K
  /// workers with n images of `side` x `side` each, on `threads` threads.
  [[nodiscard]] double activation_bytes(std::int64_t workers, std::int64_t n, std::int64_t side,
                                        std::int64_t threads) const;

  /// Accuracy and mean loss with the running statistics `buffers` [B], over all `examples` in pieces of
  /// `batch_size` images. Same bits for every number of threads if there is more than one piece.
  [[nodiscard]] Evaluation evaluate(const at::Tensor& parameters, const at::Tensor& buffers,
                                    const LabelledImages& examples, std::int64_t batch_size = 50) const;

 private:
  class Pass;
  /// The convolutions' weights in the activations' type and memory format; undefined for other tensors.
  [[nodiscard]] std::vector<at::Tensor> convolution_weights(const at::Tensor& parameters) const;

  Layout layout_;
  Layout buffer_layout_;
  ResNet18Options options_;
};

}  // namespace laser
