#include "laser/aggregate/expected_norms.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace laser {
namespace {

/// Whether the squares are of groups like these.
bool fits(const at::Tensor& squares, const WorkerTable& norms) {
  return squares.defined() && squares.size(0) == static_cast<std::int64_t>(norms.workers()) &&
         squares.size(1) == static_cast<std::int64_t>(norms.columns());
}

}  // namespace

WorkerTable expected_norms(const at::Tensor& squares, const WorkerTable& norms) {
  auto result = norms;
  if (!fits(squares, norms)) return result;
  const auto* square = squares.const_data_ptr<double>();
  for (std::size_t g = 0; g < norms.columns(); ++g) {
    double largest = 0;
    for (std::size_t i = 0; i < norms.workers(); ++i)
      largest = std::max(largest, square[i * norms.columns() + g]);
    if (!(largest > 0)) continue;
    for (std::size_t i = 0; i < norms.workers(); ++i) result(i, g) = std::sqrt(largest);
  }
  return result;
}

at::Tensor mean_squares(const at::Tensor& squares, const WorkerTable& norms, std::span<const char> active) {
  const std::array<std::int64_t, 2> sizes{static_cast<std::int64_t>(norms.workers()),
                                          static_cast<std::int64_t>(norms.columns())};
  auto result = fits(squares, norms) ? squares.clone() : at::zeros(sizes, at::kDouble);
  auto* square = result.mutable_data_ptr<double>();
  for (std::size_t i = 0; i < norms.workers(); ++i) {
    for (std::size_t g = 0; g < norms.columns() && active[i] != 0; ++g) {
      auto& mean = square[i * norms.columns() + g];
      const double now = norms(i, g) * norms(i, g);
      mean = mean > 0 ? kExpectationKept * mean + (1 - kExpectationKept) * now : now;
    }
  }
  return result;
}

}  // namespace laser
