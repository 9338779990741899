#include "laser/kernels/word_filter.hpp"

#include "laser/kernels/simd_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "laser/kernels/word_filter.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h:
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace laser::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Which words are at most `limit`.
template <class D, class V = hn::Vec<D>>
HWY_INLINE hn::Mask<D> at_most(D, V words, V limit) {
  return hn::Not(hn::Lt(limit, words));
}

/// Returns how many words are at most `low`; `found` is the number of those above it that are at most `high`.
std::size_t tally(const std::uint32_t* words, std::size_t size, std::uint32_t low, std::uint32_t high,
                  std::uint32_t* between, std::size_t& found) {
  const hn::ScalableTag<std::uint32_t> d;
  const auto lows = hn::Set(d, low), highs = hn::Set(d, high);
  std::size_t count = 0, j = 0;
  found = 0;
  const auto look_at = [&](std::size_t i) {
    if (words[i] > low && words[i] <= high) between[found++] = static_cast<std::uint32_t>(i);
  };
  for (; j + hn::Lanes(d) <= size; j += hn::Lanes(d)) {
    const auto word = hn::LoadU(d, words + j);
    const std::size_t below = hn::CountTrue(d, at_most(d, word, lows));
    count += below;
    if (hn::CountTrue(d, at_most(d, word, highs)) == below) continue;  // nearly always: they are close
    for (std::size_t i = j; i < j + hn::Lanes(d); ++i) look_at(i);
  }
  for (; j < size; ++j) {
    count += words[j] <= low ? 1 : 0;
    look_at(j);
  }
  return count;
}

std::size_t up_to(const std::uint32_t* words, std::size_t size, std::uint32_t limit, std::uint32_t* places) {
  const hn::ScalableTag<std::uint32_t> d;
  const auto limits = hn::Set(d, limit);
  std::size_t found = 0, j = 0;
  for (; j + hn::Lanes(d) <= size; j += hn::Lanes(d)) {
    const auto kept = at_most(d, hn::LoadU(d, words + j), limits);
    // Not CompressStore: compressing into memory takes some processors a hundred cycles.
    hn::StoreU(hn::Compress(hn::Iota(d, static_cast<std::uint32_t>(j)), kept), d, places + found);
    found += hn::CountTrue(d, kept);
  }
  for (; j < size; ++j) {
    places[found] = static_cast<std::uint32_t>(j);
    found += words[j] <= limit ? 1 : 0;
  }
  return found;
}

}  // namespace laser::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace laser {

HWY_EXPORT(tally);
HWY_EXPORT(up_to);

std::pair<std::size_t, std::size_t> tally_words(std::span<const std::uint32_t> words, std::uint64_t low,
                                                std::uint64_t high, std::uint32_t* between) {
  if (high == 0) return {0, 0};
  if (low == 0) {  // every word up to high - 1 lies between
    const auto found = HWY_DYNAMIC_DISPATCH(up_to)(words.data(), words.size(),
                                                   static_cast<std::uint32_t>(high - 1), between);
    return {0, found};
  }
  std::size_t found = 0;
  const auto below =
      HWY_DYNAMIC_DISPATCH(tally)(words.data(), words.size(), static_cast<std::uint32_t>(low - 1),
                                  static_cast<std::uint32_t>(high - 1), between, found);
  return {below, found};
}

std::size_t words_up_to(std::span<const std::uint32_t> words, std::uint32_t limit, std::uint32_t* places) {
  return HWY_DYNAMIC_DISPATCH(up_to)(words.data(), words.size(), limit, places);
}

}  // namespace laser
#endif  // HWY_ONCE
