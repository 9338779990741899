#include "laser/kernels/reduction.hpp"

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

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace laser {

HWY_EXPORT(squares_float);
HWY_EXPORT(squares_double);
HWY_EXPORT(dot_doubles);

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
