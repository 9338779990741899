// Standard normal numbers that are a function of their address, at several a nanosecond where the machine
// allows.
//
// Number `index` of a stream comes from block index / 4: Box-Muller on its words (x0, x1) gives numbers 0 and
// 1 (r cos, r sin), on (x2, x3) numbers 2 and 3, with u1 = (x + 1/2) 2^-32 and theta = 2 pi x 2^-32. All in
// float with fixed polynomials and no fused multiply-add, so every machine gives the same bits. |Z|
// reaches 6.7. This is not a generator: nothing is consumed, any slice may be filled in any order (see
// core/random.hpp).
#pragma once

#include <cstdint>
#include <span>

#include "laser/core/random.hpp"

namespace laser {

/// Writes numbers first .. first + size - 1 of stream `key`, N(0, 1); numbers from 2^34 on are refused (our
/// bug).
void fill_normal(std::span<float> out, const StreamKey& key, std::uint64_t first = 0);
/// The same float numbers, widened.
void fill_normal(std::span<double> out, const StreamKey& key, std::uint64_t first = 0);

/// y[i] += sigma * Z[first + i]: additive white Gaussian noise of standard deviation sigma (spec 1.2).
void add_normal(std::span<float> y, float sigma, const StreamKey& key, std::uint64_t first = 0);
/// The same float normals, widened before they are scaled.
void add_normal(std::span<double> y, double sigma, const StreamKey& key, std::uint64_t first = 0);

/// Name of the instruction set that the kernels use on this machine, as Highway calls it ("AVX2", "AVX3",
/// ...).
const char* simd_level();

namespace reference {

/// r cos theta, or r sin theta, from the word of the radius and the word of the angle.
float box_muller(std::uint32_t word, std::uint32_t turn, bool sine);

/// Number `index` of stream `key`, one at a time: the definition that fill_normal() must equal bit for bit.
float normal(const StreamKey& key, std::uint64_t index);

}  // namespace reference
}  // namespace laser
