// BatchNorm of several workers' batches at once, each with its own statistics (spec 5), with the residual and
// the ReLU that follow it: y = relu(batch_norm(x) + residual).
//
// Float activations in channels-last memory on the CPU go through kernels/batch_norm.hpp; everything else
// (CUDA, double, bfloat16, contiguous) through LibTorch's own functions, one worker after the other. No
// autograd: backward is called by the network.
#pragma once

#include <ATen/core/Tensor.h>

namespace laser {

/// One normalization. Statistics and gradients have one row a worker and may be parts of longer rows.
struct WorkerBatchNorm {
  at::Tensor weight, bias;  // [C]
  at::Tensor running_mean,
      running_variance;  // [K, C]; forward moves them by momentum 0.1 (variance unbiased)
  bool relu = false;

  /// Training: x [K n, C, h, w], n images of each worker in turn; `residual` as x or undefined. The batches'
  /// means and inverse deviations are left in `mean` and `inverse_deviation` [K, C].
  [[nodiscard]] at::Tensor forward(const at::Tensor& x, const at::Tensor& residual, at::Tensor& mean,
                                   at::Tensor& inverse_deviation) const;

  /// Evaluation with row 0 of the running statistics, which stay. x is overwritten.
  [[nodiscard]] at::Tensor evaluate(at::Tensor x, const at::Tensor& residual) const;

  /// From `gradient`, the derivative by y: it becomes the derivative by the residual (with relu; otherwise it
  /// is that already), x becomes the derivative by x, and row k of weight_gradient and bias_gradient [K, C]
  /// that of worker k.
  void backward(const at::Tensor& y, const at::Tensor& mean, const at::Tensor& inverse_deviation,
                const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& weight_gradient,
                const at::Tensor& bias_gradient) const;
};

}  // namespace laser
