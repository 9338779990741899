// The constants of the Box-Muller transform in float, shared by the vector code and by its reference.
//
// The polynomials are our own minimax fits, rounded to float; the stated errors are relative and include that
// rounding. Evaluate them by Horner's rule with separate multiplications and additions: that is what makes
// every SIMD level give the same bits.
#pragma once

#include <array>
#include <cstdint>

namespace laser {

/// Bits of the float next to sqrt(1/2): mantissas are taken from [sqrt(1/2), sqrt(2)).
inline constexpr std::int32_t kSqrtHalfBits = 0x3F3504F3;
inline constexpr std::int32_t kMantissaMask = 0x007FFFFF;
/// u1 is a multiple of 2^-33 held as the float u1 * 2^32; the 32 comes off the exponent.
inline constexpr std::int32_t kWordExponent = 32 << 23;

/// -2 log(1 + f) / f on [sqrt(1/2) - 1, sqrt(2) - 1], constant term first; error 3.1e-8.
inline constexpr std::array<float, 9> kMinusTwoLog = {-0x1.000000p+1f, 0x1.fffffap-1f,  -0x1.5556f0p-1f,
                                                      0x1.0004a8p-1f,  -0x1.98d3a0p-2f, 0x1.535c2ap-2f,
                                                      -0x1.317caap-2f, 0x1.2505aep-2f,  -0x1.65f0e0p-3f};
inline constexpr float kMinusTwoLn2 = -0x1.62e430p+0f;

/// sin(pi y / 2) / y in powers of y^2 on [-1/2, 1/2]; error 2.9e-8.
inline constexpr std::array<float, 4> kSineQuarter = {0x1.921fb6p+0f, -0x1.4abc24p-1f, 0x1.4680a4p-4f,
                                                      -0x1.33198ep-8f};
/// (cos(pi y / 2) - 1) / y^2 in powers of y^2 on [-1/2, 1/2]; error of the cosine 4.0e-8.
inline constexpr std::array<float, 3> kCosineQuarter = {-0x1.3bd39cp+0f, 0x1.03b058p-2f, -0x1.4e78bep-6f};

}  // namespace laser
