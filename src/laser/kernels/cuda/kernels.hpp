// The kernels that run on an NVIDIA GPU, on plain device pointers. Only in builds that found nvcc and
// a LibTorch with CUDA; what they compute is in headers that the CPU's tests cover
// (normal_device.hpp, fused_pass_device.hpp).
//
// Calls return when the work is in the stream, in the order of which it happens. CUDA
// errors throw std::runtime_error.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>

#include "laser/core/bfloat16.hpp"
#include "laser/core/random.hpp"
#include "laser/kernels/fused_pass.hpp"

namespace laser::cuda {

/// What laser::fill_normal() writes, bit for bit, into device memory [size]. float or double.
template <class T>
void fill_normal(T* out, std::uint64_t size, const StreamKey& key, std::uint64_t first, cudaStream_t stream);

/// What laser::add_normal() adds, bit for bit, to device memory [size]. float, double or Bfloat16; sigma is
/// float for Bfloat16.
template <class T, class Sigma>
void add_normal(T* y, std::uint64_t size, Sigma sigma, const StreamKey& key, std::uint64_t first,
                cudaStream_t stream);

/// laser::fused_pass() on matrices whose pointers are to device memory, all of them in one launch and
/// a small one that adds up the pieces, in their order: the same bits on every run. The sums of squares
/// go to `squares` [matrices] in device memory, 0 where they are not asked for; the matrices themselves
/// stay as they are.
template <class Memory, class Gradient>
void fused_pass(std::span<const PassMatrix<Memory, Gradient>> matrices, double* squares, cudaStream_t stream);

}  // namespace laser::cuda
