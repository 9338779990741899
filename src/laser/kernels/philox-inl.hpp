// Philox4x32-10 for N blocks of a stream at once, compiled once for each SIMD target (include it after
// hwy/highway.h inside a foreach_target source, as all *-inl.hpp files).
//
// Words live in the even 32-bit lanes of 64-bit lanes: the 32 x 32 -> 64 bit product then gives both halves
// without shuffles, and garbage in the odd lanes is ignored by the next product. The last round leaves two
// words a 64-bit lane. Not for the scalar target.
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

/// Rounds 1 to 3 from multiplier0 * block: half of their work is in the schedule.
HWY_INLINE HalfWords philox_first_rounds(const PhiloxSchedule& s, WideVector product0) {
  const WordTag d;
  const WordVector multiplier0 = hn::Set(d, kPhiloxMultiplier0);
  const WordVector multiplier1 = hn::Set(d, kPhiloxMultiplier1);
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

/// The words of N / 2 blocks, one block a 64-bit lane: word 1 in the even and word 0 in the odd 32-bit lanes
/// of x10, words 3 and 2 in x32.
struct BlockWords {
  WordVector x10, x32;
};

HWY_INLINE WordVector upwards(WordVector even) {
  return hn::BitCast(WordTag(), hn::ShiftLeft<32>(hn::BitCast(WideTag(), even)));
}

/// Keys in the odd lanes.
HWY_INLINE BlockWords philox_last_round(WordVector key0, WordVector key1, const HalfWords& c) {
  const WordTag d;
  const WideVector product0 = hn::MulEven(hn::Set(d, kPhiloxMultiplier0), c.x0);
  const WideVector product1 = hn::MulEven(hn::Set(d, kPhiloxMultiplier1), c.x2);
  return {hn::Xor3(low_half(product1), upwards(c.x1), key0),
          hn::Xor3(low_half(product0), upwards(c.x3), key1)};
}

/// The first of some groups of N / 2 consecutive blocks, as the product that the first round needs.
struct BlockPosition {
  WideVector product0;  // multiplier0 * block
};

/// Blocks from `first` on.
HWY_INLINE BlockPosition block_position(std::uint32_t first) {
  const WideTag d;
  const WordTag narrow;
  const WideVector block = hn::Add(hn::Iota(d, 0), hn::Set(d, std::uint64_t{first}));
  return {hn::MulEven(hn::Set(narrow, kPhiloxMultiplier0), hn::BitCast(narrow, block))};
}

/// Writes the words of the next kGroups groups and moves on. Several groups side by side, because the rounds
/// of one are a chain of latencies that leaves most of the machine idle.
template <std::size_t kGroups>
HWY_INLINE void philox_words(const PhiloxSchedule& s, BlockPosition& position, BlockWords (&words)[kGroups]) {
  const WordTag d;
  const WideVector group = hn::Set(WideTag(), std::uint64_t{kPhiloxMultiplier0} * (hn::Lanes(d) / 2));
  HalfWords half[kGroups];
  for (std::size_t g = 0; g < kGroups; ++g) {
    half[g] = philox_first_rounds(s, position.product0);
    position.product0 = hn::Add(position.product0, group);
  }
  for (std::size_t round = 3; round + 1 < kPhiloxRounds; ++round) {
    const WordVector key0 = hn::Set(d, s.key0[round]);
    const WordVector key1 = hn::Set(d, s.key1[round]);
    for (std::size_t g = 0; g < kGroups; ++g) half[g] = philox_round(key0, key1, half[g]);
  }
  const WordVector key0 = upwards(hn::Set(d, s.key0[kPhiloxRounds - 1]));
  const WordVector key1 = upwards(hn::Set(d, s.key1[kPhiloxRounds - 1]));
  for (std::size_t g = 0; g < kGroups; ++g) words[g] = philox_last_round(key0, key1, half[g]);
}

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // HWY_TARGET != HWY_SCALAR
#endif  // include guard
