#include "laser/compress/sums.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace laser {
namespace {

constexpr std::int64_t kPiece = (std::int64_t{1} << 15) - 1;

/// sum_of(first, length) over the pieces of so many numbers, added up in order.
template <class Sum>
double by_pieces(std::int64_t size, const Sum& sum_of) {
  double sum = 0;
  for (std::int64_t first = 0; first < size; first += kPiece)
    sum += sum_of(first, std::min(kPiece, size - first));
  return sum;
}

}  // namespace

double inner_product(const at::Tensor& a, const at::Tensor& b) {
  const auto x = a.to(at::kDouble).flatten(), y = b.is_same(a) ? x : b.to(at::kDouble).flatten();
  return by_pieces(x.size(0), [&](std::int64_t first, std::int64_t length) {
    return (x.narrow(0, first, length) * y.narrow(0, first, length)).sum().item<double>();
  });
}

double norm_of_all(const at::Tensor& numbers) {
  const auto flat = numbers.flatten();
  if (flat.size(0) <= kPiece) return flat.norm().item<double>();
  return std::sqrt(by_pieces(flat.size(0), [&](std::int64_t first, std::int64_t length) {
    return std::pow(flat.narrow(0, first, length).norm().item<double>(), 2);
  }));
}

}  // namespace laser
