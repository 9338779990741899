#include "laser/kernels/sampling.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "laser/core/error.hpp"

namespace laser {
namespace {

constexpr std::int64_t kMaxPopulation = std::numeric_limits<std::int32_t>::max();

/// Indices with small words: (word, index) packed so that comparing keys compares words first, then indices.
struct Candidates {
  std::vector<std::uint64_t> keys;      // of all words below the high threshold, in order of their index
  std::vector<std::uint64_t> boundary;  // those of them that are not below the low threshold
};

Candidates collect(const StreamKey& key, std::int64_t population, std::uint64_t low, std::uint64_t high) {
  constexpr std::int64_t kChunk = 2048;
  std::array<std::uint32_t, kChunk> words;
  Candidates found;
  const double expected = static_cast<double>(high) * 0x1p-32 * static_cast<double>(population);
  found.keys.resize(static_cast<std::size_t>(1.02 * expected) + 2 * kChunk);
  std::size_t kept = 0;
  for (std::int64_t first = 0; first < population; first += kChunk) {
    const std::int64_t length = std::min(kChunk, population - first);
    fill_words({words.data(), static_cast<std::size_t>(length)}, key, static_cast<std::uint64_t>(first));
    if (found.keys.size() < kept + kChunk) found.keys.resize(2 * kept + kChunk);
    // Written always, kept sometimes: no branch to mispredict.
    for (std::int64_t i = 0; i < length; ++i) {
      const std::uint64_t word = words[static_cast<std::size_t>(i)];
      found.keys[kept] = (word << 32) | static_cast<std::uint64_t>(first + i);
      kept += word < high ? 1 : 0;
    }
  }
  found.keys.resize(kept);
  for (const std::uint64_t k : found.keys) {
    if ((k >> 32) >= low) found.boundary.push_back(k);
  }
  return found;
}

/// share * 2^32, limited to [0, 2^32]; words below it are kept.
std::uint64_t word_threshold(double share) {
  return static_cast<std::uint64_t>(std::clamp(share, 0.0, 1.0) * 0x1p32);
}

}  // namespace

std::vector<std::int32_t> sample_without_replacement(const StreamKey& key, std::int64_t population,
                                                     std::int64_t count, double margin) {
  LASER_CHECK(population >= 0 && population <= kMaxPopulation && count >= 0 && count <= population &&
              margin >= 0);
  std::vector<std::int32_t> chosen;
  if (count == 0) return chosen;
  const auto expected = static_cast<double>(count);
  const auto total = static_cast<double>(population);
  // The count-th smallest word is near count / population; only words about there have to be put in order.
  // The margin grows until it holds that word; at the default 8 standard deviations the first pass
  // practically always does.
  for (double width = margin * (std::sqrt(expected) + 2);; width = 2 * width + 16) {
    const std::uint64_t low = word_threshold((expected - width) / total);
    const std::uint64_t high = word_threshold((expected + width) / total);
    Candidates found = collect(key, population, low, high);
    const auto certain = static_cast<std::int64_t>(found.keys.size() - found.boundary.size());
    if (certain >= count || static_cast<std::int64_t>(found.keys.size()) < count) continue;
    const auto last = found.boundary.begin() + (count - certain - 1);
    std::nth_element(found.boundary.begin(), last, found.boundary.end());
    chosen.reserve(static_cast<std::size_t>(count));
    for (const std::uint64_t k : found.keys) {
      if (k <= *last) chosen.push_back(static_cast<std::int32_t>(k & 0xFFFFFFFFu));
    }
    return chosen;
  }
}

template <class T>
void sketch(const T* x, std::int64_t size, std::span<const std::uint32_t> words, std::span<T> buckets) {
  LASER_CHECK(static_cast<std::int64_t>(words.size()) == size && !buckets.empty() &&
              buckets.size() <= static_cast<std::size_t>(kMaxPopulation));
  const auto count = static_cast<std::uint32_t>(buckets.size());
  for (std::size_t j = 0; j < words.size(); ++j) {
    buckets[sketch_bucket(words[j], count)] += static_cast<T>(sketch_sign(words[j])) * x[j];
  }
}

template <class T>
void unsketch(std::span<const T> buckets, std::span<const std::uint32_t> words, T* out) {
  LASER_CHECK(!buckets.empty() && buckets.size() <= static_cast<std::size_t>(kMaxPopulation));
  const auto count = static_cast<std::uint32_t>(buckets.size());
  for (std::size_t j = 0; j < words.size(); ++j) {
    out[j] = static_cast<T>(sketch_sign(words[j])) * buckets[sketch_bucket(words[j], count)];
  }
}

template void sketch(const float*, std::int64_t, std::span<const std::uint32_t>, std::span<float>);
template void sketch(const double*, std::int64_t, std::span<const std::uint32_t>, std::span<double>);
template void unsketch(std::span<const float>, std::span<const std::uint32_t>, float*);
template void unsketch(std::span<const double>, std::span<const std::uint32_t>, double*);

namespace reference {

std::vector<std::int32_t> sample_without_replacement(const StreamKey& key, std::int64_t population,
                                                     std::int64_t count) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(population));
  std::iota(order.begin(), order.end(), 0);
  const auto word = [&key](std::int32_t j) { return random_word(key, static_cast<std::uint64_t>(j)); };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int32_t a, std::int32_t b) { return word(a) < word(b); });
  order.resize(static_cast<std::size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace reference
}  // namespace laser
