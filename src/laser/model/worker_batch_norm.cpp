#include "laser/model/worker_batch_norm.hpp"

#include <ATen/ATen.h>

#include "laser/core/fail.hpp"
#include "laser/kernels/batch_norm.hpp"

namespace laser {
namespace {

constexpr double kMomentum = 0.1;
constexpr double kBatchNormEpsilon = 1e-5;

/// Whether the kernel can take these activations.
bool has_kernel(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && x.is_contiguous(at::MemoryFormat::ChannelsLast);
}

bool fits_kernel(const at::Tensor& x, const at::Tensor& other) {
  return !other.defined() || (has_kernel(other) && other.sizes() == x.sizes());
}

/// Worker k's part of x [K n, ...].
at::Tensor part(const at::Tensor& x, std::int64_t workers, std::int64_t k) {
  if (!x.defined()) return x;
  const auto n = x.size(0) / workers;
  return x.narrow(0, k * n, n);
}

BatchNormShape shape_of(const at::Tensor& x, bool relu) {
  return {static_cast<std::size_t>(x.numel() / x.size(1)), static_cast<std::size_t>(x.size(1)), relu};
}

const float* numbers(const at::Tensor& x) { return x.defined() ? x.const_data_ptr<float>() : nullptr; }

float* row(const at::Tensor& x, std::int64_t k) {
  LASER_CHECK(x.scalar_type() == at::kFloat && x.stride(1) == 1);
  return x.mutable_data_ptr<float>() + k * x.stride(0);
}

}  // namespace

at::Tensor WorkerBatchNorm::forward(const at::Tensor& x, const at::Tensor& residual, at::Tensor& mean,
                                    at::Tensor& inverse_deviation) const {
  const auto workers = running_mean.size(0);
  LASER_CHECK(x.size(0) % workers == 0);
  mean = at::empty({workers, x.size(1)}, weight.options());
  inverse_deviation = at::empty_like(mean);
  auto y = at::empty_like(x);
  for (std::int64_t k = 0; k < workers; ++k) {
    const auto own = part(x, workers, k), before = part(residual, workers, k), after = part(y, workers, k);
    if (has_kernel(x)) {
      LASER_CHECK(fits_kernel(x, residual));
      batch_norm_forward(shape_of(own, relu), {numbers(weight), numbers(bias), kBatchNormEpsilon},
                         numbers(own), numbers(before), after.mutable_data_ptr<float>(),
                         {row(mean, k), row(inverse_deviation, k)},
                         {row(running_mean, k), row(running_variance, k), kMomentum});
      continue;
    }
    auto running_mean_k = running_mean[k], running_variance_k = running_variance[k];
    const auto [normalized, mean_k, inverse_k] = at::native_batch_norm(
        own, weight, bias, running_mean_k, running_variance_k, true, kMomentum, kBatchNormEpsilon);
    after.copy_(normalized);
    if (before.defined()) after.add_(before);
    if (relu) after.relu_();
    mean[k].copy_(mean_k);
    inverse_deviation[k].copy_(inverse_k);
  }
  return y;
}

at::Tensor WorkerBatchNorm::evaluate(at::Tensor x, const at::Tensor& residual) const {
  if (has_kernel(x)) {
    LASER_CHECK(fits_kernel(x, residual));
    auto* const values = x.mutable_data_ptr<float>();
    batch_norm_evaluate(shape_of(x, relu), {numbers(weight), numbers(bias), kBatchNormEpsilon},
                        row(running_mean, 0), row(running_variance, 0), values, numbers(residual), values);
    return x;
  }
  auto mean = running_mean[0], variance = running_variance[0];
  x = std::get<0>(
      at::native_batch_norm(x, weight, bias, mean, variance, false, kMomentum, kBatchNormEpsilon));
  if (residual.defined()) x.add_(residual);
  if (relu) x.relu_();
  return x;
}

void WorkerBatchNorm::backward(const at::Tensor& y, const at::Tensor& mean,
                               const at::Tensor& inverse_deviation, const at::Tensor& gradient,
                               const at::Tensor& x, const at::Tensor& weight_gradient,
                               const at::Tensor& bias_gradient) const {
  const auto workers = running_mean.size(0);
  for (std::int64_t k = 0; k < workers; ++k) {
    const auto own = part(x, workers, k), after = part(y, workers, k), above = part(gradient, workers, k);
    if (has_kernel(x)) {
      LASER_CHECK(fits_kernel(x, y) && fits_kernel(x, gradient));
      batch_norm_backward(shape_of(own, relu), numbers(weight), {row(mean, k), row(inverse_deviation, k)},
                          numbers(after), above.mutable_data_ptr<float>(), own.mutable_data_ptr<float>(),
                          row(weight_gradient, k), row(bias_gradient, k));
      continue;
    }
    if (relu) above.copy_(at::threshold_backward(above, after, 0));
    const auto [by_x, by_weight, by_bias] =
        at::native_batch_norm_backward(above, own, weight, running_mean[k], running_variance[k], mean[k],
                                       inverse_deviation[k], true, kBatchNormEpsilon, {true, true, true});
    own.copy_(by_x);
    weight_gradient[k].copy_(by_weight);
    bias_gradient[k].copy_(by_bias);
  }
}

}  // namespace laser
