#include "laser/kernels/normal.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "laser/core/fail.hpp"
#include "laser/core/parallel.hpp"
#include "laser/kernels/normal_polynomials.hpp"
#include "laser/kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "laser/kernels/normal.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

#include "laser/kernels/philox-inl.hpp"

// The transform needs fused multiply-adds; targets without them run the reference.
#undef LASER_HAVE_FUSED
#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2) || (HWY_ARCH_ARM_A64 && HWY_TARGET <= HWY_NEON)
#define LASER_HAVE_FUSED 1
#else
#define LASER_HAVE_FUSED 0
#endif

HWY_BEFORE_NAMESPACE();
namespace laser::HWY_NAMESPACE {

#if LASER_HAVE_FUSED

using FloatTag = hn::ScalableTag<float>;
using IntTag = hn::ScalableTag<std::int32_t>;
using FloatVector = hn::Vec<FloatTag>;

constexpr std::size_t kLanes = hn::MaxLanes(FloatTag());
constexpr std::size_t kUnit = 32;  // numbers: 8 blocks, the cosines before the sines
constexpr std::size_t kHalf = kUnit / 2;
constexpr std::size_t kGroups = 4;  // vectors of pairs that go through the steps side by side
constexpr std::size_t kStep = 2 * kGroups * kLanes;  // numbers, a multiple of kUnit
constexpr std::size_t kChunk = 1024;                 // numbers whose words stay in the first-level cache
static_assert(kStep % kUnit == 0 && kChunk % kStep == 0);

/// Vectors that go through the same operations side by side: a polynomial alone is a chain of latencies.
struct Vectors {
  FloatVector v[kGroups];
};

template <std::size_t size>
HWY_INLINE Vectors horner(const std::array<float, size>& coefficients, const Vectors& x) {
  const FloatTag d;
  Vectors sum;
  for (auto& v : sum.v) v = hn::Set(d, coefficients[size - 1]);
  for (std::size_t i = size - 1; i-- > 0;) {
    const FloatVector next = hn::Set(d, coefficients[i]);
    for (std::size_t g = 0; g < kGroups; ++g) sum.v[g] = hn::MulAdd(sum.v[g], x.v[g], next);
  }
  return sum;
}

/// The steps of device::radius().
HWY_INLINE Vectors radii(const BlockWords (&words)[kGroups]) {
  const FloatTag d;
  const IntTag di;
  Vectors f, exponent, r;
  for (std::size_t g = 0; g < kGroups; ++g) {
    const auto half = hn::BitCast(di, hn::ShiftRight<1>(words[g].x10));
    const auto bits = hn::BitCast(di, hn::Add(hn::ConvertTo(d, half), hn::Set(d, 0.5f)));
    const auto high =
        hn::And(hn::Sub(bits, hn::Set(di, kSqrtHalfBits + kUniformExponent)), hn::Set(di, kExponentMask));
    f.v[g] = hn::MulAdd(hn::BitCast(d, hn::Sub(bits, high)), hn::Set(d, 0x1p-31f), hn::Set(d, -1.0f));
    exponent.v[g] = hn::Mul(hn::ConvertTo(d, high), hn::Set(d, kMinusTwoLn2));
  }
  const Vectors log = horner(kMinusTwoLog, f);
  for (std::size_t g = 0; g < kGroups; ++g) {
    r.v[g] = hn::Sqrt(hn::MulAdd(f.v[g], log.v[g], exponent.v[g]));
  }
  return r;
}

/// The steps of device::box_muller().
HWY_INLINE void box_muller(const BlockWords (&words)[kGroups], Vectors& cosines, Vectors& sines) {
  const FloatTag d;
  const Vectors r = radii(words);
  Vectors y, y2;
  for (std::size_t g = 0; g < kGroups; ++g) {
    y.v[g] = hn::Mul(hn::ConvertTo(d, hn::BitCast(IntTag(), words[g].x32)), hn::Set(d, 0x1p-32f));
    y2.v[g] = hn::Mul(y.v[g], y.v[g]);
  }
  const Vectors sine = horner(kSineQuarter, y2);
  const Vectors cosine = horner(kCosineQuarter, y2);
  for (std::size_t g = 0; g < kGroups; ++g) {
    const FloatVector s = hn::Mul(y.v[g], sine.v[g]);
    const FloatVector rs = hn::Mul(r.v[g], s);
    const FloatVector sign = hn::BitCast(d, hn::ShiftLeft<31>(words[g].x10));
    cosines.v[g] = hn::Xor(hn::NegMulAdd(rs, s, r.v[g]), sign);
    sines.v[g] = hn::Mul(rs, cosine.v[g]);
  }
}

/// Hands the next `size` numbers, a multiple of kStep up to kChunk, to use(z, out), vector by vector, with
/// their places in `out`. All words first: two loops with short chains of latencies keep the machine busier
/// than one with a long one.
template <class T, class Use>
HWY_INLINE void chunk(const PhiloxSchedule& schedule, BlockPosition& position, std::size_t size,
                      const Use& use, T* out) {
  BlockWords words[kChunk / kStep][kGroups];
  const std::size_t steps = size / kStep;
  for (std::size_t i = 0; i < steps; ++i) philox_words(schedule, position, words[i]);
  for (std::size_t i = 0; i < steps; ++i) {
    Vectors cosines, sines;
    box_muller(words[i], cosines, sines);
    for (std::size_t g = 0; g < kGroups; ++g) {
      T* const place = out + i * kStep + g * kLanes / kHalf * kUnit + g * kLanes % kHalf;
      use(cosines.v[g], place);
      use(sines.v[g], place + kHalf);
    }
  }
}

/// A step of which only out[0 .. size) is wanted, from number `skip` of it on.
template <class T, class Use>
HWY_INLINE void partial_step(const PhiloxSchedule& schedule, BlockPosition& position, const Use& use,
                             std::size_t skip, std::size_t size, T* out) {
  T buffer[kStep] = {};
  std::copy_n(out, size, buffer + skip);
  chunk(schedule, position, kStep, use, buffer);
  std::copy_n(buffer + skip, size, out);
}

/// Hands numbers first .. first + size - 1 to use(z, out), which may read and write kLanes
/// numbers from `out` on.
template <class T, class Use>
HWY_INLINE void for_normals(T* out, std::size_t size, const StreamKey& key, std::uint64_t first,
                            const Use& use) {
  const PhiloxSchedule schedule = philox_schedule(key);
  const std::size_t skip = first % kUnit;
  BlockPosition position = block_position(static_cast<std::uint32_t>((first - skip) / 4));
  if (skip > 0) {
    const std::size_t part = std::min(size, kStep - skip);
    partial_step(schedule, position, use, skip, part, out);
    out += part;
    size -= part;
  }
  for (std::size_t part; size >= kStep; size -= part, out += part) {
    part = std::min(kChunk, size / kStep * kStep);
    chunk(schedule, position, part, use, out);
  }
  if (size > 0) partial_step(schedule, position, use, 0, size, out);
}

void fill_floats(float* out, std::size_t size, const StreamKey& key, std::uint64_t first) {
  const FloatTag d;
  for_normals(out, size, key, first, [d](FloatVector z, float* to) HWY_ATTR { hn::StoreU(z, d, to); });
}

void add_floats(float* y, std::size_t size, float sigma, const StreamKey& key, std::uint64_t first) {
  const FloatTag d;
  const FloatVector scale = hn::Set(d, sigma);
  for_normals(y, size, key, first, [d, scale](FloatVector z, float* to) HWY_ATTR {
    hn::StoreU(hn::MulAdd(scale, z, hn::LoadU(d, to)), d, to);
  });
}

using DoubleTag = hn::ScalableTag<double>;

/// Calls use(z, to) for both halves of z, widened.
template <class Use>
HWY_INLINE void widen(FloatVector z, double* to, const Use& use) {
  const hn::Half<FloatTag> half;
  use(hn::PromoteTo(DoubleTag(), hn::LowerHalf(half, z)), to);
  use(hn::PromoteTo(DoubleTag(), hn::UpperHalf(half, z)), to + kLanes / 2);
}

void fill_doubles(double* out, std::size_t size, const StreamKey& key, std::uint64_t first) {
  using DoubleVector = hn::Vec<DoubleTag>;
  const auto store = [](DoubleVector z, double* to) HWY_ATTR { hn::StoreU(z, DoubleTag(), to); };
  for_normals(out, size, key, first, [&](FloatVector z, double* to) HWY_ATTR { widen(z, to, store); });
}

void add_doubles(double* y, std::size_t size, double sigma, const StreamKey& key, std::uint64_t first) {
  using DoubleVector = hn::Vec<DoubleTag>;
  const DoubleTag d;
  const DoubleVector scale = hn::Set(d, sigma);
  const auto add = [d, scale](DoubleVector z, double* to)
                       HWY_ATTR { hn::StoreU(hn::MulAdd(scale, z, hn::LoadU(d, to)), d, to); };
  for_normals(y, size, key, first, [&](FloatVector z, double* to) HWY_ATTR { widen(z, to, add); });
}

/// The steps of to_bfloat16().
HWY_INLINE void store_short(FloatVector x, Bfloat16* to) {
  const FloatTag d;
  const hn::RebindToUnsigned<FloatTag> wide;
  const hn::Rebind<std::uint16_t, FloatTag> narrow;
  const auto bits = hn::BitCast(wide, x);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(wide, 1u));
  const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(wide, 0x7fffu)));
  const auto quiet = hn::Or(bits, hn::Set(wide, 0x00400000u));
  const auto upper = hn::ShiftRight<16>(hn::IfThenElse(hn::RebindMask(wide, hn::IsNaN(x)), quiet, rounded));
  hn::StoreU(hn::TruncateTo(narrow, upper), narrow, &to->bits);
}

void add_shorts(Bfloat16* y, std::size_t size, float sigma, const StreamKey& key, std::uint64_t first) {
  const FloatTag d;
  const FloatVector scale = hn::Set(d, sigma);
  for_normals(y, size, key, first, [d, scale](FloatVector z, Bfloat16* to) HWY_ATTR {
    const hn::RebindToUnsigned<FloatTag> wide;
    const hn::Rebind<std::uint16_t, FloatTag> narrow;
    const auto bits = hn::ShiftLeft<16>(hn::PromoteTo(wide, hn::LoadU(narrow, &to->bits)));
    store_short(hn::MulAdd(scale, z, hn::BitCast(d, bits)), to);
  });
}

#else

void fill_floats(float* out, std::size_t size, const StreamKey& key, std::uint64_t first) {
  for (std::size_t i = 0; i < size; ++i) out[i] = reference::normal(key, first + i);
}

void add_floats(float* y, std::size_t size, float sigma, const StreamKey& key, std::uint64_t first) {
  for (std::size_t i = 0; i < size; ++i) y[i] = std::fma(sigma, reference::normal(key, first + i), y[i]);
}

void fill_doubles(double* out, std::size_t size, const StreamKey& key, std::uint64_t first) {
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<double>(reference::normal(key, first + i));
}

void add_doubles(double* y, std::size_t size, double sigma, const StreamKey& key, std::uint64_t first) {
  for (std::size_t i = 0; i < size; ++i) {
    y[i] = std::fma(sigma, static_cast<double>(reference::normal(key, first + i)), y[i]);
  }
}

void add_shorts(Bfloat16* y, std::size_t size, float sigma, const StreamKey& key, std::uint64_t first) {
  for (std::size_t i = 0; i < size; ++i) {
    y[i] = to_bfloat16(std::fma(sigma, reference::normal(key, first + i), to_float(y[i])));
  }
}

#endif  // LASER_HAVE_FUSED

const char* target_name() { return hwy::TargetName(HWY_TARGET); }

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace laser {

HWY_EXPORT(fill_floats);
HWY_EXPORT(fill_doubles);
HWY_EXPORT(add_floats);
HWY_EXPORT(add_doubles);
HWY_EXPORT(add_shorts);
HWY_EXPORT(target_name);

namespace {

constexpr std::size_t kPiece = std::size_t{1} << 15;  // numbers: some ten microseconds

/// Calls work(pointer, size, first) for pieces of a slice, on several threads where it is long.
template <class T, class Work>
void for_pieces(std::span<T> out, std::uint64_t first, const Work& work) {
  // Block numbers have 32 bits: beyond them the stream would repeat.
  LASER_CHECK(first <= (std::uint64_t{1} << 34) && out.size() <= (std::uint64_t{1} << 34) - first);
  for_each_piece((out.size() + kPiece - 1) / kPiece, [&](std::size_t piece) {
    const std::size_t at = piece * kPiece;
    work(out.data() + at, std::min(kPiece, out.size() - at), first + at);
  });
}

}  // namespace

void fill_normal(std::span<float> out, const StreamKey& key, std::uint64_t first) {
  for_pieces(out, first, [&](float* to, std::size_t size, std::uint64_t from) {
    HWY_DYNAMIC_DISPATCH(fill_floats)(to, size, key, from);
  });
}

void fill_normal(std::span<double> out, const StreamKey& key, std::uint64_t first) {
  for_pieces(out, first, [&](double* to, std::size_t size, std::uint64_t from) {
    HWY_DYNAMIC_DISPATCH(fill_doubles)(to, size, key, from);
  });
}

void add_normal(std::span<float> y, float sigma, const StreamKey& key, std::uint64_t first) {
  for_pieces(y, first, [&](float* to, std::size_t size, std::uint64_t from) {
    HWY_DYNAMIC_DISPATCH(add_floats)(to, size, sigma, key, from);
  });
}

void add_normal(std::span<double> y, double sigma, const StreamKey& key, std::uint64_t first) {
  for_pieces(y, first, [&](double* to, std::size_t size, std::uint64_t from) {
    HWY_DYNAMIC_DISPATCH(add_doubles)(to, size, sigma, key, from);
  });
}

void add_normal(std::span<Bfloat16> y, float sigma, const StreamKey& key, std::uint64_t first) {
  for_pieces(y, first, [&](Bfloat16* to, std::size_t size, std::uint64_t from) {
    HWY_DYNAMIC_DISPATCH(add_shorts)(to, size, sigma, key, from);
  });
}

const char* simd_level() { return HWY_DYNAMIC_DISPATCH(target_name)(); }

}  // namespace laser
#endif  // HWY_ONCE
