// Random words in bulk, and random subsets: Random-K draws its coordinates with sample_without_replacement().
// Everything is a function of its stream (core/random.hpp); nothing here draws normals (normal.hpp does).
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
/// O(count), on all threads. `margin`, in standard deviations, only sets how many candidates a first pass
/// keeps; the result does not depend on it.
std::vector<std::int32_t> sample_without_replacement(const StreamKey& key, std::int64_t population,
                                                     std::int64_t count, double margin = 8);

/// out[j] = x[indices[j]] for ascending indices; out: [indices.size()].
template <class T>
void gather(const T* x, std::span<const std::int32_t> indices, T* out);

/// The inverse: out[indices[j]] = values[j] for ascending indices, all other numbers 0.
template <class T>
void scatter(const T* values, std::span<const std::int32_t> indices, std::span<T> out);

/// out[indices[j]] = 0.
template <class T>
void clear_at(std::span<const std::int32_t> indices, T* out);

namespace reference {

/// What sample_without_replacement() returns, by sorting all indices.
std::vector<std::int32_t> sample_without_replacement(const StreamKey& key, std::int64_t population,
                                                     std::int64_t count);

}  // namespace reference
}  // namespace laser
