// The constants of the Box-Muller transform in float, shared by the vector code, by its reference
// and by the GPU.
//
// The polynomials are our own minimax fits, rounded to float; the stated errors are relative and include that
// rounding. Evaluate them by Horner's rule with fused multiply-adds: that is what makes every SIMD level and
// every GPU give the same bits.
#pragma once

#include <array>
#include <cstdint>

namespace laser {

/// Bits of the float next to sqrt(1/2): mantissas are taken from [sqrt(1/2), sqrt(2)).
inline constexpr std::int32_t kSqrtHalfBits = 0x3F3504F3;
inline constexpr std::int32_t kExponentMask = -0x00800000;  // sign and exponent of a float
/// u is a multiple of 2^-32 held as the float u * 2^31; the 31 comes off the exponent.
inline constexpr std::int32_t kUniformExponent = 31 << 23;

/// -2 log(1 + f) / f on [sqrt(1/2) - 1, sqrt(2) - 1], constant term first; error 3.1e-8.
inline constexpr std::array<float, 9> kMinusTwoLog = {-0x1.000000p+1f, 0x1.fffffap-1f,  -0x1.5556f0p-1f,
                                                      0x1.0004a8p-1f,  -0x1.98d3a0p-2f, 0x1.535c2ap-2f,
                                                      -0x1.317caap-2f, 0x1.2505aep-2f,  -0x1.65f0e0p-3f};
/// -2 log 2 for exponents left where they are in a float, at bit 23.
inline constexpr float kMinusTwoLn2 = -0x1.62e430p-23f;

/// sqrt(2) sin(pi y / 2) / y in powers of y^2 on [-1/2, 1/2]; error 1.7e-8.
inline constexpr std::array<float, 4> kSineQuarter = {0x1.1c5832p+1f, -0x1.d3ba9cp-1f, 0x1.cdabb0p-4f,
                                                      -0x1.af30f6p-8f};
/// sqrt(2) cos(pi y / 2) in powers of y^2 on [-1/2, 1/2]; error 3.6e-8.
inline constexpr std::array<float, 4> kCosineQuarter = {0x1.6a09e6p+0f, -0x1.bea566p+0f, 0x1.6f402cp-2f,
                                                        -0x1.d8dc7ep-6f};

}  // namespace laser
