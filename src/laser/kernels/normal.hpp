// Standard normal numbers that are a function of their address, at several a nanosecond
// where the machine allows.
//
// Number i of a stream comes from block 8 (i / 32) + (i mod 16) / 2 of its Philox words: words 1 and 3
// where i is even, 0 and 2 where it is odd. Box-Muller on the two gives r cos(theta) and r sin(theta); the
// first 16 of 32 numbers are cosines, the others sines. Float, with fixed polynomials and fused
// multiply-adds: every SIMD level, the scalar reference and the GPU (normal_device.hpp) give the same bits.
// |Z| reaches 6.66. This is not a generator: nothing is consumed, any slice may be filled in any order, on
// any number of threads (see core/random.hpp).
#pragma once

#include <cstdint>
#include <span>

#include "laser/core/bfloat16.hpp"
#include "laser/core/random.hpp"

namespace laser {

/// Writes numbers first .. first + size - 1 of stream `key`, N(0, 1); numbers from 2^34 on
/// are refused (our bug).
void fill_normal(std::span<float> out, const StreamKey& key, std::uint64_t first = 0);
/// The same float numbers, widened.
void fill_normal(std::span<double> out, const StreamKey& key, std::uint64_t first = 0);

/// y[i] += sigma * Z[first + i], rounded once: additive white Gaussian noise of standard
/// deviation sigma (spec 1.2).
void add_normal(std::span<float> y, float sigma, const StreamKey& key, std::uint64_t first = 0);
/// The same float normals, widened before they are scaled.
void add_normal(std::span<double> y, double sigma, const StreamKey& key, std::uint64_t first = 0);
/// Summed in float, then rounded to the nearest bfloat16.
void add_normal(std::span<Bfloat16> y, float sigma, const StreamKey& key, std::uint64_t first = 0);

/// Name of the instruction set that the kernels use on this machine, as Highway calls
/// it ("AVX2", "AVX3", ...).
const char* simd_level();

namespace reference {

/// r cos theta, or r sin theta, from the word of the radius and the word of the angle.
float box_muller(std::uint32_t word, std::uint32_t turn, bool sine);

/// Number `index` of stream `key`, one at a time: the definition that fill_normal() must equal bit for bit.
float normal(const StreamKey& key, std::uint64_t index);

}  // namespace reference
}  // namespace laser
