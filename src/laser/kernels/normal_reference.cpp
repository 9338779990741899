#include <bit>
#include <cmath>

#include "laser/kernels/normal.hpp"
#include "laser/kernels/normal_polynomials.hpp"

namespace laser::reference {
namespace {

template <std::size_t size>
float horner(const std::array<float, size>& coefficients, float x) {
  float sum = coefficients[size - 1];
  for (std::size_t i = size - 1; i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

/// sqrt(-2 log u) with u = (word + 1/2) 2^-32 = (1 + f) 2^exponent.
float radius(std::uint32_t word) {
  const float scaled = static_cast<float>(word) + 0.5f;
  const std::int32_t t = std::bit_cast<std::int32_t>(scaled) - (kSqrtHalfBits + kWordExponent);
  const auto exponent = static_cast<float>(t >> 23);
  const float f = std::bit_cast<float>((t & kMantissaMask) + kSqrtHalfBits) - 1.0f;
  return std::sqrt(f * horner(kMinusTwoLog, f) + exponent * kMinusTwoLn2);
}

}  // namespace

float box_muller(std::uint32_t word, std::uint32_t turn, bool wants_sine) {
  // theta = (quadrant + y) pi / 2 with |y| <= 1/2; two left shifts drop the quadrant and leave y as a signed
  // integer.
  const std::uint32_t quadrant = (turn + (1u << 29)) >> 30;
  const float y = static_cast<float>(static_cast<std::int32_t>(turn << 2)) * 0x1p-32f;
  const float y2 = y * y;
  const float sine = y * horner(kSineQuarter, y2);
  const float cosine = y2 * horner(kCosineQuarter, y2) + 1.0f;
  const float magnitude = wants_sine == (quadrant % 2 == 1) ? cosine : sine;
  const bool negative = wants_sine ? quadrant >= 2 : (quadrant == 1 || quadrant == 2);
  return radius(word) * (negative ? -magnitude : magnitude);
}

float normal(const StreamKey& key, std::uint64_t index) {
  const PhiloxBlock words = random_block(key, static_cast<std::uint32_t>(index / 4));
  const std::size_t pair = index % 4 / 2 * 2;
  return box_muller(words[pair], words[pair + 1], index % 2 == 1);
}

}  // namespace laser::reference
