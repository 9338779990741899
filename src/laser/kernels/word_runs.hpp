// Words of a stream a run at a time, so that they are made and used in the first-level cache.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "laser/kernels/sampling.hpp"

namespace laser {

constexpr std::size_t kWordRun = 2048;  // words

/// Calls use(at, words) for words first .. first + size - 1 of stream `key`, at most kWordRun at a time; `at`
/// counts from the first.
template <class Use>
void for_words(const StreamKey& key, std::size_t first, std::size_t size, const Use& use) {
  std::array<std::uint32_t, kWordRun> words;
  for (std::size_t at = 0; at < size; at += kWordRun) {
    const std::span run(words.data(), std::min(kWordRun, size - at));
    fill_words(run, key, first + at);
    use(at, std::span<const std::uint32_t>(run));
  }
}

}  // namespace laser
