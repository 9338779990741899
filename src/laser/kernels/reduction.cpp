#include "laser/kernels/reduction.hpp"

#include <algorithm>
#include <array>

#include "laser/core/error.hpp"
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

/// A row-major matrix seen as one vector: element i belongs to column i % columns, so `period` partial sums
/// with period a multiple of columns keep the columns apart.
template <class T>
HWY_INLINE void add_squares(const T* a, std::size_t size, double* sums, std::size_t period) {
  for (; size >= period; size -= period, a += period) {
    for (std::size_t i = 0; i < period; ++i) sums[i] += static_cast<double>(a[i]) * static_cast<double>(a[i]);
  }
  for (std::size_t i = 0; i < size; ++i) sums[i] += static_cast<double>(a[i]) * static_cast<double>(a[i]);
}

void add_squares_float(const float* a, std::size_t size, double* sums, std::size_t period) {
  add_squares(a, size, sums, period);
}
void add_squares_double(const double* a, std::size_t size, double* sums, std::size_t period) {
  add_squares(a, size, sums, period);
}

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace laser {

HWY_EXPORT(squares_float);
HWY_EXPORT(squares_double);
HWY_EXPORT(dot_doubles);
HWY_EXPORT(add_squares_float);
HWY_EXPORT(add_squares_double);

double sum_of_squares(std::span<const float> x) {
  return HWY_DYNAMIC_DISPATCH(squares_float)(x.data(), x.size());
}

double sum_of_squares(std::span<const double> x) {
  return HWY_DYNAMIC_DISPATCH(squares_double)(x.data(), x.size());
}

double dot(std::span<const double> x, std::span<const double> y) {
  LASER_CHECK(x.size() == y.size());
  return HWY_DYNAMIC_DISPATCH(dot_doubles)(x.data(), y.data(), x.size());
}

template <class T>
void column_sums_of_squares(const T* a, std::int64_t rows, std::int64_t columns, std::span<double> out) {
  constexpr std::size_t kMaxColumns = 64;
  const auto width = static_cast<std::size_t>(columns);
  LASER_CHECK(rows >= 0 && columns >= 1 && width <= kMaxColumns && out.size() == width);
  // At least 64 partial sums, so that one addition need not wait for the one before.
  const std::size_t period = (kMaxColumns + width - 1) / width * width;
  std::array<double, 2 * kMaxColumns> sums{};
  const std::size_t size = static_cast<std::size_t>(rows) * width;
  if constexpr (sizeof(T) == sizeof(float)) {
    HWY_DYNAMIC_DISPATCH(add_squares_float)(a, size, sums.data(), period);
  } else {
    HWY_DYNAMIC_DISPATCH(add_squares_double)(a, size, sums.data(), period);
  }
  std::copy_n(sums.begin(), width, out.begin());
  for (std::size_t i = width; i < period; ++i) out[i % width] += sums[i];
}

template void column_sums_of_squares(const float*, std::int64_t, std::int64_t, std::span<double>);
template void column_sums_of_squares(const double*, std::int64_t, std::int64_t, std::span<double>);

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
