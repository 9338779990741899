// Tensors on the CPU that a round walks over from one end to the other, in large pages where the system
// grants them. Only modules that link LibTorch include this.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "laser/core/memory.hpp"

namespace laser {

/// Numbers of any value.
inline at::Tensor empty_in_large_pages(at::IntArrayRef sizes, at::ScalarType type) {
  auto numbers = at::empty(sizes, at::TensorOptions().dtype(type));
  ask_for_large_pages(numbers.data_ptr(), numbers.nbytes());
  return numbers;
}

/// Zeros.
inline at::Tensor zeros_in_large_pages(at::IntArrayRef sizes, at::ScalarType type) {
  return empty_in_large_pages(sizes, type).zero_();
}

}  // namespace laser
