#include <cmath>

#include "laser/kernels/batch_norm.hpp"

namespace laser::reference {
namespace {

struct Moments {
  double mean = 0;
  double inverse_deviation = 0;
};

Moments moments(const BatchNormShape& shape, double epsilon, const double* x, std::size_t channel) {
  const auto count = static_cast<double>(shape.rows);
  double sum = 0, squares = 0;
  for (std::size_t r = 0; r < shape.rows; ++r) sum += x[r * shape.channels + channel];
  const double mean = sum / count;
  for (std::size_t r = 0; r < shape.rows; ++r) {
    const double difference = x[r * shape.channels + channel] - mean;
    squares += difference * difference;
  }
  return {mean, 1 / std::sqrt(squares / count + epsilon)};
}

}  // namespace

void batch_norm_forward(const BatchNormShape& shape, const double* weight, const double* bias, double epsilon,
                        const double* x, const double* residual, double* y) {
  for (std::size_t c = 0; c < shape.channels; ++c) {
    const auto [mean, inverse] = moments(shape, epsilon, x, c);
    for (std::size_t at = c; at < shape.rows * shape.channels; at += shape.channels) {
      const double value =
          weight[c] * (x[at] - mean) * inverse + bias[c] + (residual == nullptr ? 0 : residual[at]);
      y[at] = shape.relu && value < 0 ? 0 : value;
    }
  }
}

void batch_norm_backward(const BatchNormShape& shape, const double* weight, double epsilon, const double* x,
                         const double* y, const double* gradient, double* x_gradient, double* weight_gradient,
                         double* bias_gradient) {
  const std::size_t size = shape.rows * shape.channels;
  const auto count = static_cast<double>(shape.rows);
  for (std::size_t c = 0; c < shape.channels; ++c) {
    const auto [mean, inverse] = moments(shape, epsilon, x, c);
    const auto before_relu = [&](std::size_t at) { return shape.relu && y[at] == 0 ? 0 : gradient[at]; };
    weight_gradient[c] = bias_gradient[c] = 0;
    for (std::size_t at = c; at < size; at += shape.channels) {
      bias_gradient[c] += before_relu(at);
      weight_gradient[c] += before_relu(at) * (x[at] - mean) * inverse;
    }
    for (std::size_t at = c; at < size; at += shape.channels) {
      const double normalized = (x[at] - mean) * inverse;
      x_gradient[at] = weight[c] * inverse *
                       (before_relu(at) - bias_gradient[c] / count - normalized * weight_gradient[c] / count);
    }
  }
}

}  // namespace laser::reference
