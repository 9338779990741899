// fill_words() for every SIMD target; the rest of sampling.hpp is in sampling.cpp.
#include <cstring>

#include "laser/core/fail.hpp"
#include "laser/kernels/sampling.hpp"
#include "laser/kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "laser/kernels/words.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

#include "laser/kernels/philox-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace laser::HWY_NAMESPACE {

#if HWY_TARGET != HWY_SCALAR

/// Writes the words of a group of blocks in their order.
HWY_INLINE void store_blocks(const BlockWords& words, std::uint32_t* out) {
  const WordTag d;
  const WideTag wide;
  const auto x01 = hn::BitCast(wide, hn::Reverse2(d, words.x10));
  const auto x23 = hn::BitCast(wide, hn::Reverse2(d, words.x32));
  hn::StoreInterleaved2(x01, x23, wide, reinterpret_cast<std::uint64_t*>(out));
}

#endif

/// Writes `size` words from word 4 * block on.
void fill_blocks_of_words(std::uint32_t* out, std::size_t size, const StreamKey& key, std::uint32_t block) {
#if HWY_TARGET == HWY_SCALAR
  for (std::size_t i = 0; i < size; ++i) out[i] = random_word(key, std::uint64_t{block} * 4 + i);
#else
  const WordTag d;
  const PhiloxSchedule schedule = philox_schedule(key);
  BlockPosition position = block_position(block);
  constexpr std::size_t kGroups = 4;
  const std::size_t step = kGroups * 2 * hn::Lanes(d);
  const auto store = [&](std::uint32_t* to) HWY_ATTR {
    BlockWords words[kGroups];
    philox_words(schedule, position, words);
    for (std::size_t g = 0; g < kGroups; ++g) store_blocks(words[g], to + g * 2 * hn::Lanes(d));
  };
  for (; size >= step; size -= step, out += step) store(out);
  if (size > 0) {
    HWY_ALIGN std::uint32_t last[kGroups * 2 * HWY_MAX_BYTES / sizeof(std::uint32_t)];
    store(last);
    std::memcpy(out, last, size * sizeof(std::uint32_t));
  }
#endif
}

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace laser {

HWY_EXPORT(fill_blocks_of_words);

void fill_words(std::span<std::uint32_t> out, const StreamKey& key, std::uint64_t first) {
  LASER_CHECK(first <= (std::uint64_t{1} << 34) && out.size() <= (std::uint64_t{1} << 34) - first);
  std::size_t done = 0;
  while (done < out.size() && (first + done) % 4 != 0) {
    out[done] = random_word(key, first + done);
    ++done;
  }
  if (done == out.size()) return;
  HWY_DYNAMIC_DISPATCH(fill_blocks_of_words)
  (out.data() + done, out.size() - done, key, static_cast<std::uint32_t>((first + done) / 4));
}

}  // namespace laser
#endif  // HWY_ONCE
