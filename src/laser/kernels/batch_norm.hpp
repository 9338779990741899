// Batch normalization with what stands around it in a residual network, in one pass over memory each way:
// y = relu(weight * (x - mean) / sqrt(variance + epsilon) + bias + residual).
//
// Activations are channels-last: `rows` pixels (of all images) of `channels` numbers. The statistics are
// those of the rows given, so a worker's batch is one call. Sums are made by fixed pieces of rows and added
// up in double in their order, without fused multiply-add: the same bits on every SIMD level and for every
// number of threads.
#pragma once

#include <cstddef>

namespace laser {

/// A batch of activations and what is done to them besides normalizing.
struct BatchNormShape {
  std::size_t rows = 0;
  std::size_t channels = 0;
  bool relu = false;
};

/// weight and bias [channels]; epsilon is added to the variance.
struct BatchNormParameters {
  const float* weight = nullptr;
  const float* bias = nullptr;
  double epsilon = 1e-5;
};

/// The statistics of a batch, [channels] each, as backward wants them.
struct BatchStatistics {
  float* mean = nullptr;
  float* inverse_deviation = nullptr;  // 1 / sqrt(biased variance + epsilon)
};

/// Running statistics, [channels] each, that move by `momentum` towards the batch's (variance unbiased).
struct RunningStatistics {
  float* mean = nullptr;
  float* variance = nullptr;
  double momentum = 0.1;
};

/// Training: y [rows, channels] from x and `residual` (null: none) with the batch's own statistics, which go
/// to `batch` and move `running`.
void batch_norm_forward(const BatchNormShape& shape, const BatchNormParameters& parameters, const float* x,
                        const float* residual, float* y, const BatchStatistics& batch,
                        const RunningStatistics& running);

/// Evaluation: the same with the running statistics, which stay; y may be x.
void batch_norm_evaluate(const BatchNormShape& shape, const BatchNormParameters& parameters,
                         const float* mean, const float* variance, const float* x, const float* residual,
                         float* y);

/// From `gradient`, the derivative by y: x becomes the derivative by x; weight_gradient and bias_gradient
/// [channels] are overwritten; with shape.relu, `gradient` becomes the derivative before the ReLU, which is
/// that by the residual (y, not needed otherwise, says where that is 0). `batch` is what forward left.
void batch_norm_backward(const BatchNormShape& shape, const float* weight, const BatchStatistics& batch,
                         const float* y, float* gradient, float* x, float* weight_gradient,
                         float* bias_gradient);

namespace reference {

/// The derivatives of batch_norm_backward() in double, straight from the formulas; `gradient` is not changed,
/// x_gradient [rows, channels] is written instead of x.
void batch_norm_backward(const BatchNormShape& shape, const double* weight, double epsilon, const double* x,
                         const double* y, const double* gradient, double* x_gradient, double* weight_gradient,
                         double* bias_gradient);

/// batch_norm_forward() in double, without running statistics.
void batch_norm_forward(const BatchNormShape& shape, const double* weight, const double* bias, double epsilon,
                        const double* x, const double* residual, double* y);

}  // namespace reference
}  // namespace laser
