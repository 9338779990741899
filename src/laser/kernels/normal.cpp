#include "laser/kernels/normal.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "laser/core/error.hpp"
#include "laser/kernels/normal_polynomials.hpp"
#include "laser/kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "laser/kernels/normal.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

#include "laser/kernels/philox-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace laser::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

void fill_blocks(float* out, const StreamKey& key, std::uint32_t block, std::size_t blocks) {
  for (std::size_t i = 0; i < 4 * blocks; ++i) out[i] = reference::normal(key, std::uint64_t{block} * 4 + i);
}

#else

using FloatTag = hn::ScalableTag<float>;
using IntTag = hn::ScalableTag<std::int32_t>;
using FloatVector = hn::Vec<FloatTag>;

/// Four vectors that go through the same steps side by side: a polynomial alone is a chain of latencies.
struct Four {
  FloatVector v[4];
};

template <std::size_t size>
HWY_INLINE Four horner(const std::array<float, size>& coefficients, const Four& x) {
  const FloatTag d;
  const FloatVector top = hn::Set(d, coefficients[size - 1]);
  Four sum = {{top, top, top, top}};
  // Not MulAdd: fused and separate roundings differ, and not every target has the fused one.
  for (std::size_t i = size - 1; i-- > 0;) {
    const FloatVector next = hn::Set(d, coefficients[i]);
    for (std::size_t k = 0; k < 4; ++k) sum.v[k] = hn::Add(hn::Mul(sum.v[k], x.v[k]), next);
  }
  return sum;
}

/// (word + 1/2) 2^-32 = (1 + f) 2^exponent with 1 + f in [sqrt(1/2), sqrt(2)).
HWY_INLINE void split_uniform(WordVector word, FloatVector& f, FloatVector& exponent) {
  const FloatTag d;
  const IntTag di;
  const auto scaled = hn::Add(hn::ConvertTo(d, word), hn::Set(d, 0.5f));
  const auto t = hn::Sub(hn::BitCast(di, scaled), hn::Set(di, kSqrtHalfBits + kWordExponent));
  exponent = hn::ConvertTo(d, hn::ShiftRight<23>(t));
  const auto mantissa = hn::Add(hn::And(t, hn::Set(di, kMantissaMask)), hn::Set(di, kSqrtHalfBits));
  f = hn::Sub(hn::BitCast(d, mantissa), hn::Set(d, 1.0f));
}

/// The part of the turn beyond the nearest quadrant, in units of a quadrant: y in [-1/2, 1/2].
HWY_INLINE FloatVector quadrant_fraction(WordVector turn) {
  const FloatTag d;
  return hn::Mul(hn::ConvertTo(d, hn::BitCast(IntTag(), hn::ShiftLeft<2>(turn))), hn::Set(d, 0x1p-32f));
}

/// (r cos theta, r sin theta) from the sine and cosine of theta less its nearest multiple of a quadrant.
HWY_INLINE void rotate(WordVector turn, FloatVector r, FloatVector sine, FloatVector cosine, FloatVector& z0,
                       FloatVector& z1) {
  const FloatTag d;
  const WordTag du;
  // Bits 31 and 30 of `quadrant` are its number; the sine is negative in 2 and 3, the cosine in 1 and 2.
  const auto quadrant = hn::Add(turn, hn::Set(du, 1u << 29));
  const auto odd = hn::RebindMask(d, hn::TestBit(quadrant, hn::Set(du, 1u << 30)));
  const auto sign = hn::Set(du, 1u << 31);
  const auto sine_sign = hn::BitCast(d, hn::And(quadrant, sign));
  const auto cosine_sign = hn::BitCast(d, hn::And(hn::Add(quadrant, hn::Set(du, 1u << 30)), sign));
  z0 = hn::Mul(r, hn::Xor(hn::IfThenElse(odd, sine, cosine), cosine_sign));
  z1 = hn::Mul(r, hn::Xor(hn::IfThenElse(odd, cosine, sine), sine_sign));
}

/// Numbers of two groups of blocks from their words; the steps are those of reference::normal.
HWY_INLINE void box_muller(const Words& words, FloatVector (&z)[8]) {
  const FloatTag d;
  Four f, exponent, radius;
  for (std::size_t k = 0; k < 4; ++k) split_uniform(words.x[2 * k], f.v[k], exponent.v[k]);
  const Four log = horner(kMinusTwoLog, f);
  const FloatVector minus_two_ln2 = hn::Set(d, kMinusTwoLn2);
  for (std::size_t k = 0; k < 4; ++k) {
    radius.v[k] = hn::Sqrt(hn::Add(hn::Mul(f.v[k], log.v[k]), hn::Mul(exponent.v[k], minus_two_ln2)));
  }
  Four y, y2;
  for (std::size_t k = 0; k < 4; ++k) {
    y.v[k] = quadrant_fraction(words.x[2 * k + 1]);
    y2.v[k] = hn::Mul(y.v[k], y.v[k]);
  }
  const Four sine = horner(kSineQuarter, y2);
  const Four cosine = horner(kCosineQuarter, y2);
  for (std::size_t k = 0; k < 4; ++k) {
    rotate(words.x[2 * k + 1], radius.v[k], hn::Mul(y.v[k], sine.v[k]),
           hn::Add(hn::Mul(y2.v[k], cosine.v[k]), hn::Set(d, 1.0f)), z[2 * k], z[2 * k + 1]);
  }
}

/// Writes the numbers of two groups of blocks.
HWY_INLINE void store_groups(const FloatVector (&z)[8], float* out) {
  const FloatTag d;
  store_blocks(d, z[0], z[1], z[2], z[3], out);
  store_blocks(d, z[4], z[5], z[6], z[7], out + 4 * hn::Lanes(d));
}

/// Writes the 4 * blocks numbers of blocks block .. block + blocks - 1.
void fill_blocks(float* out, const StreamKey& key, std::uint32_t block, std::size_t blocks) {
  const PhiloxSchedule schedule = philox_schedule(key);
  BlockNumbers numbers = block_numbers(block);
  FloatVector z[8];
  const std::size_t step = 8 * hn::Lanes(FloatTag());
  std::size_t left = 4 * blocks;
  for (; left >= step; left -= step, out += step) {
    box_muller(philox_words(schedule, numbers), z);
    store_groups(z, out);
    advance(numbers);
  }
  if (left > 0) {
    HWY_ALIGN float last[2 * HWY_MAX_BYTES];
    box_muller(philox_words(schedule, numbers), z);
    store_groups(z, last);
    std::memcpy(out, last, left * sizeof(float));
  }
}

#endif  // HWY_TARGET == HWY_SCALAR

/// Any slice: whole blocks by vectors, the up to three numbers before and after them one at a time.
void fill_slice(float* out, std::size_t size, const StreamKey& key, std::uint64_t first) {
  std::size_t done = 0;
  while (done < size && (first + done) % 4 != 0) {
    out[done] = reference::normal(key, first + done);
    ++done;
  }
  const std::size_t blocks = (size - done) / 4;
  fill_blocks(out + done, key, static_cast<std::uint32_t>((first + done) / 4), blocks);
  for (done += 4 * blocks; done < size; ++done) out[done] = reference::normal(key, first + done);
}

constexpr std::size_t kChunk = 1024;  // numbers; the buffer stays in the first-level cache

/// Calls use(offset, normals, size) for consecutive pieces of the slice; all but the first begin at a block.
template <class Use>
HWY_INLINE void for_each_chunk(std::size_t size, const StreamKey& key, std::uint64_t first, Use use) {
  HWY_ALIGN float normals[kChunk];
  std::size_t length = kChunk - first % 4;
  for (std::size_t done = 0; done < size; done += length, length = kChunk) {
    length = std::min(length, size - done);
    fill_slice(normals, length, key, first + done);
    use(done, normals, length);
  }
}

void fill_doubles(double* out, std::size_t size, const StreamKey& key, std::uint64_t first) {
  for_each_chunk(size, key, first, [out](std::size_t at, const float* z, std::size_t length) HWY_ATTR {
    for (std::size_t i = 0; i < length; ++i) out[at + i] = static_cast<double>(z[i]);
  });
}

void add_floats(float* y, std::size_t size, float sigma, const StreamKey& key, std::uint64_t first) {
  for_each_chunk(size, key, first, [=](std::size_t at, const float* z, std::size_t length) HWY_ATTR {
    for (std::size_t i = 0; i < length; ++i) y[at + i] += sigma * z[i];
  });
}

void add_doubles(double* y, std::size_t size, double sigma, const StreamKey& key, std::uint64_t first) {
  for_each_chunk(size, key, first, [=](std::size_t at, const float* z, std::size_t length) HWY_ATTR {
    for (std::size_t i = 0; i < length; ++i) y[at + i] += sigma * static_cast<double>(z[i]);
  });
}

const char* target_name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace laser {

HWY_EXPORT(fill_slice);
HWY_EXPORT(fill_doubles);
HWY_EXPORT(add_floats);
HWY_EXPORT(add_doubles);
HWY_EXPORT(target_name);

namespace {

/// Block numbers have 32 bits: beyond them the stream would repeat.
void check_addresses(std::size_t size, std::uint64_t first) {
  LASER_CHECK(first <= (std::uint64_t{1} << 34) && size <= (std::uint64_t{1} << 34) - first);
}

}  // namespace

void fill_normal(std::span<float> out, const StreamKey& key, std::uint64_t first) {
  check_addresses(out.size(), first);
  HWY_DYNAMIC_DISPATCH(fill_slice)(out.data(), out.size(), key, first);
}

void fill_normal(std::span<double> out, const StreamKey& key, std::uint64_t first) {
  check_addresses(out.size(), first);
  HWY_DYNAMIC_DISPATCH(fill_doubles)(out.data(), out.size(), key, first);
}

void add_normal(std::span<float> y, float sigma, const StreamKey& key, std::uint64_t first) {
  check_addresses(y.size(), first);
  HWY_DYNAMIC_DISPATCH(add_floats)(y.data(), y.size(), sigma, key, first);
}

void add_normal(std::span<double> y, double sigma, const StreamKey& key, std::uint64_t first) {
  check_addresses(y.size(), first);
  HWY_DYNAMIC_DISPATCH(add_doubles)(y.data(), y.size(), sigma, key, first);
}

const char* simd_level() { return HWY_DYNAMIC_DISPATCH(target_name)(); }

}  // namespace laser
#endif  // HWY_ONCE
