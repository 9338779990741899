// Sum of products in 32 partial sums for every SIMD target (include as all
// *-inl.hpp files; see reduction.hpp).
#include <cstddef>
#include <type_traits>

#if defined(LASER_KERNELS_DOT_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef LASER_KERNELS_DOT_INL_HPP_
#undef LASER_KERNELS_DOT_INL_HPP_
#else
#define LASER_KERNELS_DOT_INL_HPP_
#endif

HWY_BEFORE_NAMESPACE();
namespace laser::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kPartialSums = 32;
using DoubleTag = hn::CappedTag<double, 8>;
using DoubleVector = hn::Vec<DoubleTag>;

HWY_INLINE DoubleVector load_double(const double* x) { return hn::LoadU(DoubleTag(), x); }
HWY_INLINE DoubleVector load_double(const float* x) {
  const hn::Rebind<float, DoubleTag> narrow;
  return hn::PromoteTo(DoubleTag(), hn::LoadU(narrow, x));
}

/// Products x[i] y[i] of two vectors in memory. Sums of them do not use MulAdd: fused and separate roundings
/// differ between targets.
template <class T>
struct Products {
  const T* x;
  const T* y;
  HWY_INLINE DoubleVector operator()(std::size_t i) const {
    return hn::Mul(load_double(x + i), load_double(y + i));
  }
  double one(std::size_t i) const { return static_cast<double>(x[i]) * static_cast<double>(y[i]); }
};

/// Squares x[i]^2.
template <class T>
struct Squares {
  const T* x;
  HWY_INLINE DoubleVector operator()(std::size_t i) const {
    const DoubleVector v = load_double(x + i);
    return hn::Mul(v, v);
  }
  double one(std::size_t i) const { return static_cast<double>(x[i]) * static_cast<double>(x[i]); }
};

/// Sum of `size` terms. Narrow vectors go over a piece of the input several times, four vectors of partial
/// sums at a time; the piece is in the first-level cache then.
template <class Terms>
HWY_INLINE double sum_of(const Terms& term, std::size_t size) {
  const DoubleTag d;
  const std::size_t lanes = hn::Lanes(d);
  constexpr std::size_t kPiece = 32 * kPartialSums;
  HWY_ALIGN double sums[kPartialSums] = {};
  const std::size_t whole = size / kPartialSums * kPartialSums;
  for (std::size_t first = 0; first < whole; first += kPiece) {
    const std::size_t end = first + kPiece < whole ? first + kPiece : whole;
    for (std::size_t lane = 0; lane < kPartialSums; lane += 4 * lanes) {
      DoubleVector s0 = hn::Load(d, sums + lane);
      DoubleVector s1 = hn::Load(d, sums + lane + lanes);
      DoubleVector s2 = hn::Load(d, sums + lane + 2 * lanes);
      DoubleVector s3 = hn::Load(d, sums + lane + 3 * lanes);
      for (std::size_t i = first + lane; i < end; i += kPartialSums) {
        s0 = hn::Add(s0, term(i));
        s1 = hn::Add(s1, term(i + lanes));
        s2 = hn::Add(s2, term(i + 2 * lanes));
        s3 = hn::Add(s3, term(i + 3 * lanes));
      }
      hn::Store(s0, d, sums + lane);
      hn::Store(s1, d, sums + lane + lanes);
      hn::Store(s2, d, sums + lane + 2 * lanes);
      hn::Store(s3, d, sums + lane + 3 * lanes);
    }
  }
  for (std::size_t i = whole; i < size; ++i) {
    sums[i - whole] += term.one(i);
  }
  for (std::size_t half = kPartialSums / 2; half > 0; half /= 2) {
    for (std::size_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  }
  return sums[0];
}

template <class T>
HWY_INLINE double dot_product(const T* x, const T* y, std::size_t size) {
  return sum_of(Products<T>{x, y}, size);
}

template <class T>
HWY_INLINE double squared_norm(const T* x, std::size_t size) {
  return sum_of(Squares<T>{x}, size);
}

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
