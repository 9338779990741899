// The normal numbers of one Philox block, one at a time: the inner functions of the reference and of the GPU.
//
// Only operations that IEEE 754 rounds in one way (conversion, sum, product, fused multiply-add, square
// root), so the CPU's scalar and vector code and every GPU give the same bits.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "laser/core/bfloat16.hpp"
#include "laser/core/host_device.hpp"
#include "laser/kernels/normal_polynomials.hpp"
#include "laser/kernels/philox_schedule.hpp"

namespace laser::device {

LASER_HOST_DEVICE inline float multiply_add(float a, float b, float c) {
#ifdef __CUDA_ARCH__
  return __fmaf_rn(a, b, c);
#else
  return std::fma(a, b, c);
#endif
}

LASER_HOST_DEVICE inline double multiply_add(double a, double b, double c) {
#ifdef __CUDA_ARCH__
  return __fma_rn(a, b, c);
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
  const auto bits = std::bit_cast<std::int32_t>(scaled);
  const std::int32_t exponent = (bits - (kSqrtHalfBits + kUniformExponent)) & kExponentMask;
  const float f = multiply_add(std::bit_cast<float>(bits - exponent), 0x1p-31f, -1.0f);
  return square_root(multiply_add(f, horner<kMinusTwoLog>(f), static_cast<float>(exponent) * kMinusTwoLn2));
}

/// Two independent normal numbers.
struct NormalPair {
  float cosine, sine;
};

/// (r cos theta, r sin theta). theta = pi y with y = turn 2^-32 in [-1/2, 1/2] is half of the circle,
/// from the half angle's sine and cosine; the lowest bit of `word`, which the radius does not use, is the
/// sign of the cosine.
LASER_HOST_DEVICE inline NormalPair box_muller(std::uint32_t word, std::uint32_t turn) {
  const float y = static_cast<float>(static_cast<std::int32_t>(turn)) * 0x1p-32f;
  const float y2 = y * y;
  const float s = y * horner<kSineQuarter>(y2);
  const float r = radius(word);
  const float rs = r * s;
  const float cosine = multiply_add(-rs, s, r);
  return {(word & 1u) != 0 ? -cosine : cosine, rs * horner<kCosineQuarter>(y2)};
}

// Where numbers lie: 8 blocks make 32 numbers, cosines first, so that vectors of any width up to 16 numbers
// need no shuffles. See normal.hpp.

/// The block that number `index` comes from.
LASER_HOST_DEVICE inline std::uint32_t block_of(std::uint64_t index) {
  return static_cast<std::uint32_t>(index / 32 * 8 + index % 16 / 2);
}

/// Number `index`, from the words of its block.
LASER_HOST_DEVICE inline float normal_of_block(const PhiloxBlock& words, std::uint64_t index) {
  const std::size_t odd = index % 2;
  const NormalPair pair = box_muller(words[1 - odd], words[3 - odd]);
  return index % 32 < 16 ? pair.cosine : pair.sine;
}

/// Numbers first .. first + size - 1 of a stream.
struct NormalSlice {
  PhiloxSchedule schedule;
  std::uint64_t first = 0;
  std::uint64_t size = 0;

  LASER_HOST_DEVICE std::uint64_t first_block() const { return first / 32 * 8; }
  /// Blocks that hold the slice and what completes its first and last 32 numbers.
  LASER_HOST_DEVICE std::uint64_t blocks() const {
    return size == 0 ? 0 : (first + size + 31) / 32 * 8 - first_block();
  }
};

/// Hands the four numbers of block `block` to the sink, as far as they lie in the slice: sink.one(i, z) for
/// number first + i, or sink.two(i, z, next) for that and the one after it.
template <class Sink>
LASER_HOST_DEVICE inline void write_block(const NormalSlice& slice, std::uint64_t block, const Sink& sink) {
  const PhiloxBlock words = philox_block(slice.schedule, static_cast<std::uint32_t>(block));
  const NormalPair even = box_muller(words[1], words[3]), odd = box_muller(words[0], words[2]);
  const auto write = [&](std::uint64_t index, float z, float next) {
    const std::uint64_t i = index - slice.first;  // beyond every size if the number lies before the slice
    if (i < slice.size && i + 1 < slice.size) {
      sink.two(i, z, next);
    } else if (i < slice.size) {
      sink.one(i, z);
    } else if (i + 1 < slice.size) {  // that is, i + 1 = 0
      sink.one(i + 1, next);
    }
  };
  const std::uint64_t index = block / 8 * 32 + block % 8 * 2;
  write(index, even.cosine, odd.cosine);
  write(index + 16, even.sine, odd.sine);
}

/// out[i] = Z, float or double.
template <class T>
struct FillNormal {
  T* out;
  LASER_HOST_DEVICE void one(std::uint64_t i, float z) const { out[i] = static_cast<T>(z); }
  LASER_HOST_DEVICE void two(std::uint64_t i, float z, float next) const {
#ifdef __CUDA_ARCH__
    if constexpr (std::is_same_v<T, float>) {
      if (reinterpret_cast<std::uintptr_t>(out + i) % sizeof(float2) == 0) {
        *reinterpret_cast<float2*>(out + i) = make_float2(z, next);
        return;
      }
    }
#endif
    one(i, z);
    one(i + 1, next);
  }
};

/// y[i] += sigma Z, rounded once.
template <class T>
struct AddNormal {
  T* y;
  T sigma;
  LASER_HOST_DEVICE void one(std::uint64_t i, float z) const {
    y[i] = multiply_add(sigma, static_cast<T>(z), y[i]);
  }
  LASER_HOST_DEVICE void two(std::uint64_t i, float z, float next) const {
#ifdef __CUDA_ARCH__
    if constexpr (std::is_same_v<T, float>) {
      if (reinterpret_cast<std::uintptr_t>(y + i) % sizeof(float2) == 0) {
        const auto place = reinterpret_cast<float2*>(y + i);
        const float2 old = *place;
        *place = make_float2(multiply_add(sigma, z, old.x), multiply_add(sigma, next, old.y));
        return;
      }
    }
#endif
    one(i, z);
    one(i + 1, next);
  }
};

/// The same on bfloat16: summed in float, then rounded to the nearest.
template <>
struct AddNormal<Bfloat16> {
  Bfloat16* y;
  float sigma;
  LASER_HOST_DEVICE void one(std::uint64_t i, float z) const {
    y[i] = to_bfloat16(multiply_add(sigma, z, to_float(y[i])));
  }
  LASER_HOST_DEVICE void two(std::uint64_t i, float z, float next) const {
    one(i, z);
    one(i + 1, next);
  }
};

}  // namespace laser::device
