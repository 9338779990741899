// Random words in bulk, random subsets and permutations, and the count-mean sketch.
//
// Random-K draws its coordinates with sample_without_replacement(); the sketch's buckets and signs are the
// words of a stream. Everything is a function of its stream (core/random.hpp); nothing here draws normals
// (normal.hpp does).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "laser/core/random.hpp"

namespace laser {

/// Writes words first .. first + size - 1 of stream `key`; words from 2^34 on are refused (our bug).
void fill_words(std::span<std::uint32_t> out, const StreamKey& key, std::uint64_t first = 0);

/// `count` different indices below `population` (< 2^31), ascending, every subset equally likely: the indices
/// whose words are the smallest, ties going to the lower index (spec 4, Random-K). Time O(population), memory
/// O(count). `margin`, in standard deviations, only sets how many candidates a first pass keeps; the result
/// does not depend on it.
std::vector<std::int32_t> sample_without_replacement(const StreamKey& key, std::int64_t population,
                                                     std::int64_t count, double margin = 8);

/// Bucket of a coordinate with random word `word`, below `buckets` (< 2^31): its high bits.
inline std::uint32_t sketch_bucket(std::uint32_t word, std::uint32_t buckets) {
  return static_cast<std::uint32_t>((std::uint64_t{word} * buckets) >> 32);
}

/// Sign of a coordinate with random word `word`: -1 if its lowest bit is set, else +1.
inline int sketch_sign(std::uint32_t word) { return 1 - 2 * static_cast<int>(word & 1u); }

/// buckets[bucket(j)] += sign(j) x[j] for j = 0 .. size - 1 in this order (spec 4, sketch); words: [size].
template <class T>
void sketch(const T* x, std::int64_t size, std::span<const std::uint32_t> words, std::span<T> buckets);

/// out[j] = sign(j) buckets[bucket(j)] for every word (spec 4, sketch); out: [words.size()].
template <class T>
void unsketch(std::span<const T> buckets, std::span<const std::uint32_t> words, T* out);

namespace reference {

/// What sample_without_replacement() returns, by sorting all indices.
std::vector<std::int32_t> sample_without_replacement(const StreamKey& key, std::int64_t population,
                                                     std::int64_t count);

}  // namespace reference
}  // namespace laser
