#include "laser/kernels/orthonormal.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "laser/core/fail.hpp"
#include "laser/kernels/normal.hpp"
#include "laser/kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "laser/kernels/orthonormal.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

#include "laser/kernels/dot-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace laser::HWY_NAMESPACE {

/// Takes the parts along q[0..count-1] (each [rows], one after the other) away from v [rows], one by one.
void project_out(const double* q, std::size_t count, std::size_t rows, double* v) {
  for (std::size_t i = 0; i < count; ++i, q += rows) {
    const double part = dot_product(q, v, rows);
    for (std::size_t r = 0; r < rows; ++r) v[r] -= part * q[r];
  }
}

double norm(const double* v, std::size_t rows) { return std::sqrt(squared_norm(v, rows)); }

void scale(double* v, std::size_t rows, double factor) {
  for (std::size_t r = 0; r < rows; ++r) v[r] *= factor;
}

/// Bits of the largest |v[r]|; as integers they order like the numbers, with infinity and NaN at the top.
std::uint64_t max_magnitude_bits(const double* v, std::size_t rows) {
  std::uint64_t largest = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    std::uint64_t bits;
    std::memcpy(&bits, v + r, sizeof(bits));
    bits &= ~(std::uint64_t{1} << 63);
    largest = bits > largest ? bits : largest;
  }
  return largest;
}

/// Row-major a [rows, width] -> columns one after the other in q; the usual widths are known when compiled.
template <std::size_t fixed, class T>
HWY_INLINE void split_columns(const T* a, std::size_t rows, std::size_t columns, double* HWY_RESTRICT q) {
  const std::size_t width = fixed != 0 ? fixed : columns;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < width; ++c) q[c * rows + r] = static_cast<double>(a[r * width + c]);
  }
}

template <std::size_t fixed, class T>
HWY_INLINE void join_columns(const double* q, std::size_t rows, std::size_t columns, T* HWY_RESTRICT a) {
  const std::size_t width = fixed != 0 ? fixed : columns;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < width; ++c) a[r * width + c] = static_cast<T>(q[c * rows + r]);
  }
}

template <class T>
HWY_INLINE void split_any(const T* a, std::size_t rows, std::size_t columns, double* q) {
  if (columns == 2) return split_columns<2>(a, rows, columns, q);
  if (columns == 4) return split_columns<4>(a, rows, columns, q);
  split_columns<0>(a, rows, columns, q);
}

template <class T>
HWY_INLINE void join_any(const double* q, std::size_t rows, std::size_t columns, T* a) {
  if (columns == 2) return join_columns<2>(q, rows, columns, a);
  if (columns == 4) return join_columns<4>(q, rows, columns, a);
  join_columns<0>(q, rows, columns, a);
}

void split_float(const float* a, std::size_t rows, std::size_t columns, double* q) {
  split_any(a, rows, columns, q);
}
void split_double(const double* a, std::size_t rows, std::size_t columns, double* q) {
  split_any(a, rows, columns, q);
}
void join_float(const double* q, std::size_t rows, std::size_t columns, float* a) {
  join_any(q, rows, columns, a);
}
void join_double(const double* q, std::size_t rows, std::size_t columns, double* a) {
  join_any(q, rows, columns, a);
}

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace laser {

HWY_EXPORT(project_out);
HWY_EXPORT(norm);
HWY_EXPORT(scale);
HWY_EXPORT(max_magnitude_bits);
HWY_EXPORT(split_float);
HWY_EXPORT(split_double);
HWY_EXPORT(join_float);
HWY_EXPORT(join_double);

namespace {

constexpr double kDependent = 1e-12;  // spec 2.2
constexpr std::uint64_t kInfinityBits = std::uint64_t{0x7FF} << 52;

/// The columns of a matrix one after the other; column j is being worked on, those before it are orthonormal.
class Columns {
 public:
  Columns(double* values, std::size_t rows, const StreamKey& replacement)
      : values_(values), rows_(rows), replacement_(replacement) {}

  /// Makes column j orthonormal to those before it; true if it had to be replaced.
  bool orthonormalise(std::size_t j) {
    double* v = values_ + j * rows_;
    const std::uint64_t largest = HWY_DYNAMIC_DISPATCH(max_magnitude_bits)(v, rows_);
    if (largest >= kInfinityBits) {
      std::fill_n(v, rows_, std::numeric_limits<double>::quiet_NaN());
      return false;
    }
    if (largest != 0) {
      // A power of two near 1 / max|v|: exact, and squares neither overflow nor vanish.
      const int exponent = static_cast<int>(largest >> 52) - 1023;
      HWY_DYNAMIC_DISPATCH(scale)(v, rows_, std::ldexp(1.0, std::min(-exponent, 1023)));
      if (normalise(j)) return false;
    }
    replace(j);
    return true;
  }

 private:
  /// False if next to nothing is left of column j beside the columns before it.
  bool normalise(std::size_t j) {
    double* v = values_ + j * rows_;
    const double before = HWY_DYNAMIC_DISPATCH(norm)(v, rows_);
    // Twice is enough: the second pass takes away what rounding left along the earlier columns.
    HWY_DYNAMIC_DISPATCH(project_out)(values_, j, rows_, v);
    HWY_DYNAMIC_DISPATCH(project_out)(values_, j, rows_, v);
    const double after = j == 0 ? before : HWY_DYNAMIC_DISPATCH(norm)(v, rows_);
    if (after < kDependent * before) return false;
    HWY_DYNAMIC_DISPATCH(scale)(v, rows_, 1 / after);
    return true;
  }

  void replace(std::size_t j) {
    // Column j has its own numbers of the stream. A second try is needed only if a draw is exactly
    // zero (1 x 1).
    for (std::uint64_t attempt = 0; attempt < 64; ++attempt) {
      fill_normal({values_ + j * rows_, rows_}, replacement_, (attempt * 64 + j) * rows_);
      if (normalise(j)) return;
    }
    LASER_CHECK(!"no direction is left for a replacement column");
  }

  double* values_;
  std::size_t rows_;
  StreamKey replacement_;
};

}  // namespace

template <class T>
std::int64_t orthonormalise(T* a, std::int64_t rows, std::int64_t columns, const StreamKey& replacement) {
  LASER_CHECK(columns >= 1 && columns <= 64 && columns <= rows);
  const auto height = static_cast<std::size_t>(rows);
  const auto width = static_cast<std::size_t>(columns);
  thread_local std::vector<double> scratch;
  scratch.resize(height * width);
  if constexpr (sizeof(T) == sizeof(float)) {
    HWY_DYNAMIC_DISPATCH(split_float)(a, height, width, scratch.data());
  } else {
    HWY_DYNAMIC_DISPATCH(split_double)(a, height, width, scratch.data());
  }
  Columns work(scratch.data(), height, replacement);
  std::int64_t replaced = 0;
  for (std::size_t j = 0; j < width; ++j) replaced += work.orthonormalise(j) ? 1 : 0;
  if constexpr (sizeof(T) == sizeof(float)) {
    HWY_DYNAMIC_DISPATCH(join_float)(scratch.data(), height, width, a);
  } else {
    HWY_DYNAMIC_DISPATCH(join_double)(scratch.data(), height, width, a);
  }
  return replaced;
}

template std::int64_t orthonormalise(float*, std::int64_t, std::int64_t, const StreamKey&);
template std::int64_t orthonormalise(double*, std::int64_t, std::int64_t, const StreamKey&);

namespace reference {

template <class T>
void orthonormalise(T* a, std::int64_t rows, std::int64_t columns) {
  std::vector<long double> q(a, a + rows * columns);
  const auto at = [&](std::int64_t r, std::int64_t c) -> long double& {
    return q[static_cast<std::size_t>(r * columns + c)];
  };
  const auto dot = [&](std::int64_t i, std::int64_t j) {
    long double sum = 0;
    for (std::int64_t r = 0; r < rows; ++r) sum += at(r, i) * at(r, j);
    return sum;
  };
  for (std::int64_t j = 0; j < columns; ++j) {
    for (std::int64_t i = 0; i < 2 * j; ++i) {  // all earlier columns, twice
      const long double part = dot(i % j, j);
      for (std::int64_t r = 0; r < rows; ++r) at(r, j) -= part * at(r, i % j);
    }
    const long double length = std::sqrt(dot(j, j));
    for (std::int64_t r = 0; r < rows; ++r) at(r, j) /= length;
  }
  std::transform(q.begin(), q.end(), a, [](long double v) { return static_cast<T>(v); });
}

template void orthonormalise(float*, std::int64_t, std::int64_t);
template void orthonormalise(double*, std::int64_t, std::int64_t);

}  // namespace reference
}  // namespace laser
#endif  // HWY_ONCE
