// A contiguous CPU tensor as a span, so that kernels stay free of LibTorch. Only modules that link it include
// this.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "laser/core/error.hpp"

namespace laser {

/// Calls `use` with a std::span<float> or std::span<double> over all numbers of a contiguous CPU tensor.
template <class Use>
void with_span(const at::Tensor& tensor, Use use) {
  LASER_CHECK(tensor.is_contiguous() && tensor.device().is_cpu());
  const auto size = static_cast<std::size_t>(tensor.numel());
  if (tensor.scalar_type() == at::kFloat) {
    use(std::span<float>(tensor.data_ptr<float>(), size));
  } else {
    LASER_CHECK(tensor.scalar_type() == at::kDouble);
    use(std::span<double>(tensor.data_ptr<double>(), size));
  }
}

/// The element type of a span.
template <class Span>
using element_of = typename Span::value_type;

}  // namespace laser
