// fill_words() for every SIMD target; the rest of sampling.hpp is in sampling.cpp.
#include <cstring>

#include "laser/core/error.hpp"
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

/// Writes `size` words from word 4 * block on.
void fill_blocks_of_words(std::uint32_t* out, std::size_t size, const StreamKey& key, std::uint32_t block) {
#if HWY_TARGET == HWY_SCALAR
  for (std::size_t i = 0; i < size; ++i) out[i] = random_word(key, std::uint64_t{block} * 4 + i);
#else
  const WordTag d;
  const PhiloxSchedule schedule = philox_schedule(key);
  BlockNumbers numbers = block_numbers(block);
  const std::size_t group = 4 * hn::Lanes(d);
  const auto store = [&](std::uint32_t* to) HWY_ATTR {
    const Words words = philox_words(schedule, numbers);
    store_blocks(d, words.x[0], words.x[1], words.x[2], words.x[3], to);
    store_blocks(d, words.x[4], words.x[5], words.x[6], words.x[7], to + group);
    advance(numbers);
  };
  for (; size >= 2 * group; size -= 2 * group, out += 2 * group) store(out);
  if (size > 0) {
    HWY_ALIGN std::uint32_t last[2 * HWY_MAX_BYTES];
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
