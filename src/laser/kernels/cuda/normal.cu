// Normal numbers on the GPU: a thread a Philox block, four numbers.
#include <algorithm>
#include <stdexcept>

#include "laser/kernels/cuda/check.hpp"
#include "laser/kernels/cuda/kernels.hpp"
#include "laser/kernels/normal_device.hpp"

namespace laser::cuda {
namespace {

constexpr unsigned kThreads = 256;
constexpr std::uint64_t kMostThreadBlocks = std::uint64_t{1} << 16;

template <class Sink>
__global__ void __launch_bounds__(kThreads) write_normals(device::NormalSlice slice, Sink sink) {
  const std::uint64_t step = std::uint64_t{gridDim.x} * kThreads, count = slice.blocks();
  for (std::uint64_t i = std::uint64_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += step) {
    device::write_block(slice, slice.first_block() + i, sink);
  }
}

template <class Sink>
void launch(std::uint64_t size, const StreamKey& key, std::uint64_t first, const Sink& sink,
            cudaStream_t stream) {
  constexpr std::uint64_t kEnd = std::uint64_t{1} << 34;  // see laser::fill_normal()
  if (first > kEnd || size > kEnd - first) throw std::logic_error("a stream has 2^34 normal numbers");
  if (size == 0) return;
  const device::NormalSlice slice{philox_schedule(key), first, size};
  const std::uint64_t blocks = std::min((slice.blocks() + kThreads - 1) / kThreads, kMostThreadBlocks);
  write_normals<<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(slice, sink);
  check(cudaGetLastError(), "normal numbers");
}

}  // namespace

template <class T>
void fill_normal(T* out, std::uint64_t size, const StreamKey& key, std::uint64_t first, cudaStream_t stream) {
  launch(size, key, first, device::FillNormal<T>{out}, stream);
}

template void fill_normal(float*, std::uint64_t, const StreamKey&, std::uint64_t, cudaStream_t);
template void fill_normal(double*, std::uint64_t, const StreamKey&, std::uint64_t, cudaStream_t);

template <class T, class Sigma>
void add_normal(T* y, std::uint64_t size, Sigma sigma, const StreamKey& key, std::uint64_t first,
                cudaStream_t stream) {
  launch(size, key, first, device::AddNormal<T>{y, sigma}, stream);
}

template void add_normal(float*, std::uint64_t, float, const StreamKey&, std::uint64_t, cudaStream_t);
template void add_normal(double*, std::uint64_t, double, const StreamKey&, std::uint64_t, cudaStream_t);
template void add_normal(Bfloat16*, std::uint64_t, float, const StreamKey&, std::uint64_t, cudaStream_t);

}  // namespace laser::cuda
