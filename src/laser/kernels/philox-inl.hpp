// Philox4x32-10 for N blocks of a stream at once, compiled once for each SIMD target (include it after
// hwy/highway.h inside a foreach_target source, as all *-inl.hpp files).
//
// Words live in the even 32-bit lanes of 64-bit lanes: the 32 x 32 -> 64 bit product then gives both halves
// without shuffles, and garbage in the odd lanes is ignored by the next product. Not for the scalar target.
#include "laser/kernels/philox_schedule.hpp"

#if defined(LASER_KERNELS_PHILOX_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef LASER_KERNELS_PHILOX_INL_HPP_
#undef LASER_KERNELS_PHILOX_INL_HPP_
#else
#define LASER_KERNELS_PHILOX_INL_HPP_
#endif

#if HWY_TARGET != HWY_SCALAR

HWY_BEFORE_NAMESPACE();
namespace laser::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using WordTag = hn::ScalableTag<std::uint32_t>;
using WordVector = hn::Vec<WordTag>;
using WideTag = hn::RepartitionToWide<WordTag>;
using WideVector = hn::Vec<WideTag>;

HWY_INLINE WordVector high_half(WideVector product) {
  return hn::BitCast(WordTag(), hn::ShiftRight<32>(product));
}
HWY_INLINE WordVector low_half(WideVector product) { return hn::BitCast(WordTag(), product); }

/// The four words of as many blocks as there are 64-bit lanes; only the even 32-bit lanes count.
struct HalfWords {
  WordVector x0, x1, x2, x3;
};

/// Rounds 1 to 3 on the block numbers in the even lanes of `block`: half of their work is in the schedule.
HWY_INLINE HalfWords philox_first_rounds(const PhiloxSchedule& s, WideVector block) {
  const WordTag d;
  const WordVector multiplier0 = hn::Set(d, kPhiloxMultiplier0);
  const WordVector multiplier1 = hn::Set(d, kPhiloxMultiplier1);
  WideVector product0 = hn::MulEven(multiplier0, low_half(block));
  const WordVector round1_x2 = hn::Xor(high_half(product0), hn::Set(d, s.round1_counter2));

  WideVector product1 = hn::MulEven(multiplier1, round1_x2);
  const WordVector round2_x0 = hn::Xor(high_half(product1), hn::Set(d, s.round2_counter0));
  const WordVector round2_x1 = low_half(product1);
  const WordVector round2_x2 = hn::Xor(low_half(product0), hn::Set(d, s.round2_counter2));

  product0 = hn::MulEven(multiplier0, round2_x0);
  product1 = hn::MulEven(multiplier1, round2_x2);
  return {hn::Xor3(high_half(product1), round2_x1, hn::Set(d, s.key0[2])), low_half(product1),
          hn::Xor(high_half(product0), hn::Set(d, s.round3_counter2)), low_half(product0)};
}

HWY_INLINE HalfWords philox_round(WordVector key0, WordVector key1, const HalfWords& c) {
  const WordTag d;
  const WideVector product0 = hn::MulEven(hn::Set(d, kPhiloxMultiplier0), c.x0);
  const WideVector product1 = hn::MulEven(hn::Set(d, kPhiloxMultiplier1), c.x2);
  return {hn::Xor3(high_half(product1), c.x1, key0), low_half(product1),
          hn::Xor3(high_half(product0), c.x3, key1), low_half(product0)};
}

/// The odd 32-bit lanes from the low halves of `odd`, the even ones from `even`.
HWY_INLINE WordVector merge_lanes(WordVector even, WordVector odd) {
  const WordTag d;
  return hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(hn::BitCast(WideTag(), odd))), even);
}

/// Word j of two groups of N blocks: x[j] of the first, x[4 + j] of the second. Two groups, because the
/// rounds of one are a chain of latencies that leaves half of the machine idle.
struct Words {
  WordVector x[8];
};

/// Block numbers of the even and odd 32-bit lanes of two groups of N blocks.
struct BlockNumbers {
  WideVector even, odd;
};

HWY_INLINE Words philox_words(const PhiloxSchedule& s, const BlockNumbers& numbers) {
  const WordTag d;
  const WideVector group = hn::Set(WideTag(), hn::Lanes(d));
  HalfWords a = philox_first_rounds(s, numbers.even);
  HalfWords b = philox_first_rounds(s, numbers.odd);
  HalfWords c = philox_first_rounds(s, hn::Add(numbers.even, group));
  HalfWords e = philox_first_rounds(s, hn::Add(numbers.odd, group));
  for (std::size_t round = 3; round < kPhiloxRounds; ++round) {
    const WordVector key0 = hn::Set(d, s.key0[round]);
    const WordVector key1 = hn::Set(d, s.key1[round]);
    a = philox_round(key0, key1, a);
    b = philox_round(key0, key1, b);
    c = philox_round(key0, key1, c);
    e = philox_round(key0, key1, e);
  }
  return {{merge_lanes(a.x0, b.x0), merge_lanes(a.x1, b.x1), merge_lanes(a.x2, b.x2), merge_lanes(a.x3, b.x3),
           merge_lanes(c.x0, e.x0), merge_lanes(c.x1, e.x1), merge_lanes(c.x2, e.x2),
           merge_lanes(c.x3, e.x3)}};
}

/// The numbers from `first` on, arranged so that store_blocks() needs no shuffle across 128-bit parts: lane l
/// holds block first + (l % 4) * (N / 4) + l / 4.
HWY_INLINE BlockNumbers block_numbers(std::uint32_t first) {
  const WideTag d;
  const std::size_t lanes = hn::Lanes(WordTag());
  HWY_ALIGN std::uint64_t numbers[2][HWY_MAX_BYTES / 8];
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    numbers[lane % 2][lane / 2] = std::uint64_t{first} + (lane % 4) * (lanes / 4) + lane / 4;
  }
  return {hn::Load(d, numbers[0]), hn::Load(d, numbers[1])};
}

/// The numbers of the next two groups.
HWY_INLINE void advance(BlockNumbers& numbers) {
  const WideVector step = hn::Set(WideTag(), 2 * hn::Lanes(WordTag()));
  numbers = {hn::Add(numbers.even, step), hn::Add(numbers.odd, step)};
}

/// Writes 4 N consecutive numbers of a stream from its N blocks, whose lanes are arranged as by
/// block_numbers().
template <class D, class V = hn::Vec<D>>
HWY_INLINE void store_blocks(D d, V x0, V x1, V x2, V x3, hn::TFromD<D>* out) {
  const hn::RepartitionToWide<D> wide;
  const auto low01 = hn::BitCast(wide, hn::InterleaveLower(d, x0, x1));
  const auto high01 = hn::BitCast(wide, hn::InterleaveUpper(d, x0, x1));
  const auto low23 = hn::BitCast(wide, hn::InterleaveLower(d, x2, x3));
  const auto high23 = hn::BitCast(wide, hn::InterleaveUpper(d, x2, x3));
  const std::size_t lanes = hn::Lanes(d);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, low01, low23)), d, out);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, low01, low23)), d, out + lanes);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, high01, high23)), d, out + 2 * lanes);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, high01, high23)), d, out + 3 * lanes);
}

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // HWY_TARGET != HWY_SCALAR
#endif  // include guard
