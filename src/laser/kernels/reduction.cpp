#include "laser/kernels/reduction.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "laser/core/fail.hpp"
#include "laser/core/parallel.hpp"
#include "laser/kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "laser/kernels/reduction.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

#include "laser/kernels/dot-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace laser::HWY_NAMESPACE {

double squares_float(const float* x, std::size_t size) { return squared_norm(x, size); }
double squares_double(const double* x, std::size_t size) { return squared_norm(x, size); }
double dot_doubles(const double* x, const double* y, std::size_t size) { return dot_product(x, y, size); }

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace laser {

HWY_EXPORT(squares_float);
HWY_EXPORT(squares_double);
HWY_EXPORT(dot_doubles);

namespace {

double squares(std::span<const float> x) { return HWY_DYNAMIC_DISPATCH(squares_float)(x.data(), x.size()); }
double squares(std::span<const double> x) { return HWY_DYNAMIC_DISPATCH(squares_double)(x.data(), x.size()); }

template <class T>
double squares_by_pieces(std::span<const T> x) {
  constexpr std::size_t kPiece = std::size_t{1} << 18;
  if (x.size() <= kPiece) return squares(x);
  std::vector<double> sums((x.size() + kPiece - 1) / kPiece);
  for_each_piece(sums.size(), [&](std::size_t p) {
    sums[p] = squares(x.subspan(p * kPiece, std::min(kPiece, x.size() - p * kPiece)));
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace

double sum_of_squares(std::span<const float> x) { return squares_by_pieces(x); }

double sum_of_squares(std::span<const double> x) { return squares_by_pieces(x); }

double dot(std::span<const double> x, std::span<const double> y) {
  LASER_CHECK(x.size() == y.size());
  return HWY_DYNAMIC_DISPATCH(dot_doubles)(x.data(), y.data(), x.size());
}

namespace reference {

double dot(std::span<const double> x, std::span<const double> y) {
  std::array<double, 32> sums{};
  for (std::size_t i = 0; i < x.size(); ++i) sums[i % 32] += x[i] * y[i];
  for (std::size_t half = 16; half > 0; half /= 2) {
    for (std::size_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  }
  return sums[0];
}

}  // namespace reference
}  // namespace laser
#endif  // HWY_ONCE
