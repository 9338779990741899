// A contiguous CPU tensor as a span, so that kernels stay free of LibTorch. Only modules that
// link it include this.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "laser/core/fail.hpp"

namespace laser {

/// Calls `use` with a float* or double* to the first number of a CPU tensor, whatever its strides.
template <class Use>
void with_elements(const at::Tensor& tensor, Use use) {
  LASER_CHECK(tensor.device().is_cpu());
  if (tensor.scalar_type() == at::kFloat) {
    use(tensor.data_ptr<float>());
  } else {
    LASER_CHECK(tensor.scalar_type() == at::kDouble);
    use(tensor.data_ptr<double>());
  }
}

/// Calls `use` with a std::span<float> or std::span<double> over all numbers of a contiguous CPU tensor.
template <class Use>
void with_span(const at::Tensor& tensor, Use use) {
  LASER_CHECK(tensor.is_contiguous());
  with_elements(tensor,
                [&](auto* first) { use(std::span(first, static_cast<std::size_t>(tensor.numel()))); });
}

/// The element type of a span.
template <class Span>
using element_of = typename Span::value_type;

}  // namespace laser
