#include "laser/kernels/magnitude.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

#include "laser/core/parallel.hpp"
#include "laser/kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "laser/kernels/magnitude.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace laser::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The largest of the numbers' bits without their sign. Four maxima side by side: one alone
/// would wait for itself.
template <class T, class Bits = hwy::MakeSigned<T>>
HWY_INLINE Bits largest_bits(const T* x, std::size_t size) {
  const hn::ScalableTag<T> d;
  const hn::ScalableTag<Bits> bits;  // signed, for which every target has a maximum
  const std::size_t lanes = hn::Lanes(d);
  const auto mask = hn::Set(bits, std::numeric_limits<Bits>::max());
  const auto magnitude = [&](std::size_t i)
                             HWY_ATTR { return hn::And(hn::BitCast(bits, hn::LoadU(d, x + i)), mask); };
  auto most0 = hn::Zero(bits), most1 = most0, most2 = most0, most3 = most0;
  std::size_t i = 0;
  for (; i + 4 * lanes <= size; i += 4 * lanes) {
    most0 = hn::Max(most0, magnitude(i));
    most1 = hn::Max(most1, magnitude(i + lanes));
    most2 = hn::Max(most2, magnitude(i + 2 * lanes));
    most3 = hn::Max(most3, magnitude(i + 3 * lanes));
  }
  HWY_ALIGN Bits found[HWY_MAX_BYTES / sizeof(Bits)];
  hn::Store(hn::Max(hn::Max(most0, most1), hn::Max(most2, most3)), bits, found);
  Bits largest = *std::max_element(found, found + lanes);
  for (; i < size; ++i) {
    largest =
        std::max(largest, static_cast<Bits>(std::bit_cast<Bits>(x[i]) & std::numeric_limits<Bits>::max()));
  }
  return largest;
}

std::int16_t largest_short(const std::uint16_t* x, std::size_t size) { return largest_bits(x, size); }
std::int32_t largest_float(const float* x, std::size_t size) { return largest_bits(x, size); }
std::int64_t largest_double(const double* x, std::size_t size) { return largest_bits(x, size); }

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace laser {

HWY_EXPORT(largest_short);
HWY_EXPORT(largest_float);
HWY_EXPORT(largest_double);

namespace {

std::int16_t largest_of(std::span<const std::uint16_t> x) {
  return HWY_DYNAMIC_DISPATCH(largest_short)(x.data(), x.size());
}
std::int32_t largest_of(std::span<const float> x) {
  return HWY_DYNAMIC_DISPATCH(largest_float)(x.data(), x.size());
}
std::int64_t largest_of(std::span<const double> x) {
  return HWY_DYNAMIC_DISPATCH(largest_double)(x.data(), x.size());
}

template <class T>
auto largest_by_pieces(std::span<const T> x) {
  constexpr std::size_t kPiece = std::size_t{1} << 18;  // numbers
  if (x.size() <= kPiece) return largest_of(x);
  std::vector<decltype(largest_of(x))> largest((x.size() + kPiece - 1) / kPiece);
  for_each_piece(largest.size(), [&](std::size_t p) {
    largest[p] = largest_of(x.subspan(p * kPiece, std::min(kPiece, x.size() - p * kPiece)));
  });
  return *std::max_element(largest.begin(), largest.end());
}

}  // namespace

double largest_magnitude(std::span<const float> x) {
  return static_cast<double>(std::bit_cast<float>(largest_by_pieces(x)));
}

double largest_magnitude(std::span<const double> x) { return std::bit_cast<double>(largest_by_pieces(x)); }

double largest_magnitude(std::span<const Bfloat16> x) {
  const std::span words(reinterpret_cast<const std::uint16_t*>(x.data()), x.size());
  const auto bits = static_cast<std::uint16_t>(largest_by_pieces(words));
  return static_cast<double>(to_float(Bfloat16{bits}));
}

}  // namespace laser
#endif  // HWY_ONCE
