#include "laser/compress/sums.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace laser {
namespace {

constexpr std::int64_t kPiece = (std::int64_t{1} << 15) - 1;

}  // namespace

double inner_product(const at::Tensor& a, const at::Tensor& b) {
  const auto x = a.to(at::kDouble).flatten(), y = b.to(at::kDouble).flatten();
  double sum = 0;
  for (std::int64_t first = 0; first < x.size(0); first += kPiece) {
    const auto length = std::min(kPiece, x.size(0) - first);
    sum += (x.narrow(0, first, length) * y.narrow(0, first, length)).sum().item<double>();
  }
  return sum;
}

double norm_of_all(const at::Tensor& numbers) {
  const auto flat = numbers.flatten();
  if (flat.size(0) <= kPiece) return flat.norm().item<double>();
  double sum = 0;
  for (std::int64_t first = 0; first < flat.size(0); first += kPiece) {
    const auto piece = flat.narrow(0, first, std::min(kPiece, flat.size(0) - first));
    sum += std::pow(piece.norm().item<double>(), 2);
  }
  return std::sqrt(sum);
}

}  // namespace laser
