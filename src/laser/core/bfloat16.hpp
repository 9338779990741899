// The upper half of a float32 as a number type, for gradients and error memories at half the bytes.
//
// Only storage: arithmetic is done in float. No Torch here; a tensor of at::kBFloat16 has these bits.
#pragma once

#include <bit>
#include <cstdint>

#include "laser/core/host_device.hpp"

namespace laser {

struct Bfloat16 {
  std::uint16_t bits = 0;
};

/// The exact value.
LASER_HOST_DEVICE inline float to_float(Bfloat16 value) {
  return std::bit_cast<float>(std::uint32_t{value.bits} << 16);
}

/// The nearest bfloat16, ties to even; NaN stays NaN.
LASER_HOST_DEVICE inline Bfloat16 to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

/// Rounds up or down at random so that the mean over uniform `word` (16 bits) is the value itself; what would
/// round beyond the largest finite number becomes infinite, infinities and NaN stay.
LASER_HOST_DEVICE inline Bfloat16 to_bfloat16(float value, std::uint16_t word) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7f800000u) == 0x7f800000u) return to_bfloat16(value);
  return {static_cast<std::uint16_t>((bits + word) >> 16)};
}

}  // namespace laser
