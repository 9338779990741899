// The normal numbers of one Philox block, one at a time: the inner functions of the reference and of the GPU.
//
// Only operations that IEEE 754 rounds in one way (conversion, sum, product, fused multiply-add, square
// root), so the CPU's scalar and vector code and every GPU give the same bits.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "laser/kernels/host_device.hpp"
#include "laser/kernels/normal_polynomials.hpp"
#include "laser/kernels/philox_schedule.hpp"

#ifndef __CUDA_ARCH__
#include <bit>
#endif

namespace laser::device {

LASER_HOST_DEVICE inline std::int32_t bits_of(float x) {
#ifdef __CUDA_ARCH__
  return __float_as_int(x);
#else
  return std::bit_cast<std::int32_t>(x);
#endif
}

LASER_HOST_DEVICE inline float float_of(std::int32_t bits) {
#ifdef __CUDA_ARCH__
  return __int_as_float(bits);
#else
  return std::bit_cast<float>(bits);
#endif
}

LASER_HOST_DEVICE inline float multiply_add(float a, float b, float c) {
#ifdef __CUDA_ARCH__
  return __fmaf_rn(a, b, c);
#else
  return std::fma(a, b, c);
#endif
}

LASER_HOST_DEVICE inline float square_root(float x) {
#ifdef __CUDA_ARCH__
  return __fsqrt_rn(x);
#else
  return std::sqrt(x);
#endif
}

/// Horner's rule from coefficient `index` on. The coefficients are template arguments because GPU code can
/// use a host constant's value, not its address.
template <const auto& coefficients, std::size_t index = 0>
LASER_HOST_DEVICE inline float horner(float x) {
  constexpr float coefficient = coefficients[index];
  if constexpr (index + 1 < coefficients.size()) {
    return multiply_add(horner<coefficients, index + 1>(x), x, coefficient);
  } else {
    return coefficient;
  }
}

/// sqrt(-2 log u) with u = (word / 2 + 1/2) 2^-31 = (1 + f) 2^exponent: at most 6.66.
LASER_HOST_DEVICE inline float radius(std::uint32_t word) {
  const float scaled = static_cast<float>(static_cast<std::int32_t>(word >> 1)) + 0.5f;
  const std::int32_t exponent = (bits_of(scaled) - (kSqrtHalfBits + kUniformExponent)) & kExponentMask;
  const float f = multiply_add(float_of(bits_of(scaled) - exponent), 0x1p-31f, -1.0f);
  return square_root(multiply_add(f, horner<kMinusTwoLog>(f), static_cast<float>(exponent) * kMinusTwoLn2));
}

/// Two independent normal numbers.
struct NormalPair {
  float cosine, sine;
};

/// (r cos theta, r sin theta). theta = pi y with y = turn 2^-32 in [-1/2, 1/2] is half of the circle, from
/// the half angle's sine and cosine; the lowest bit of `word`, which the radius does not use, is the sign of
/// the cosine.
LASER_HOST_DEVICE inline NormalPair box_muller(std::uint32_t word, std::uint32_t turn) {
  const float y = static_cast<float>(static_cast<std::int32_t>(turn)) * 0x1p-32f;
  const float y2 = y * y;
  const float s = y * horner<kSineQuarter>(y2);
  const float r = radius(word);
  const float rs = r * s;
  const float cosine = multiply_add(-rs, s, r);
  return {(word & 1u) != 0 ? -cosine : cosine, rs * horner<kCosineQuarter>(y2)};
}

/// The eight numbers of block 8 g + j and those of its neighbours are stored 32 at a time, cosines first, so
/// that vectors of any width up to 16 numbers need no shuffles: number i comes from this block ...
LASER_HOST_DEVICE inline std::uint32_t block_of(std::uint64_t index) {
  return static_cast<std::uint32_t>(index / 32 * 8 + index % 16 / 2);
}
/// ... from words 1 and 3 of it if i is even, 0 and 2 if it is odd; and is the cosine in the first 16 of 32.
LASER_HOST_DEVICE inline float normal_of_block(const std::uint32_t (&words)[4], std::uint64_t index) {
  const std::size_t odd = index % 2;
  const NormalPair pair = box_muller(words[1 - odd], words[3 - odd]);
  return index % 32 < 16 ? pair.cosine : pair.sine;
}

}  // namespace laser::device
