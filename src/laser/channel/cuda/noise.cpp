#include "laser/channel/cuda/noise.hpp"

#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "laser/core/fail.hpp"
#include "laser/kernels/cuda/kernels.hpp"

namespace laser::cuda {
namespace {

template <class Sigma, class T>
void add_rows(T* first, std::uint64_t length, std::span<const double> noise_std, const StreamKey& key) {
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream();
  for (std::size_t c = 0; c < noise_std.size(); ++c) {
    add_normal(first + c * length, length, static_cast<Sigma>(noise_std[c]), key, c * length, stream);
  }
}

}  // namespace

void add_noise(at::Tensor& values, std::span<const double> noise_std, const StreamKey& key) {
  LASER_CHECK(values.is_cuda() && values.is_contiguous() && !noise_std.empty());
  const c10::cuda::CUDAGuard device(values.device());
  const auto length = static_cast<std::uint64_t>(values.numel()) / noise_std.size();
  if (values.scalar_type() == at::kBFloat16) {
    add_rows<float>(static_cast<Bfloat16*>(values.data_ptr()), length, noise_std, key);
  } else if (values.scalar_type() == at::kFloat) {
    add_rows<float>(values.data_ptr<float>(), length, noise_std, key);
  } else {
    LASER_CHECK(values.scalar_type() == at::kDouble);
    add_rows<double>(values.data_ptr<double>(), length, noise_std, key);
  }
}

}  // namespace laser::cuda
