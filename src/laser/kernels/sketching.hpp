// The count-mean sketch (spec 4): every coordinate of a tensor has a bucket and a sign, the bits of a word of
// a stream, and adds its number to that bucket. Nothing is stored but the buckets: words are made again
// wherever they are needed.
//
// A sketch of more than kSketchPart buckets is cut into parts: coordinates in order, buckets in order, each
// part of the coordinates with its own part of the buckets. Any two coordinates of a part collide more often
// by the factor that those of different parts never do, so that the error energy of the whole, sum over j of
// the energy that shares j's bucket, has the same expectation. What a part touches at random then fits a
// second-level cache, and parts are independent of each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "laser/core/random.hpp"

namespace laser {

/// Bucket of a coordinate with random word `word`, below `buckets` (< 2^31): its high bits.
inline std::uint32_t sketch_bucket(std::uint32_t word, std::uint32_t buckets) {
  return static_cast<std::uint32_t>((std::uint64_t{word} * buckets) >> 32);
}

/// Sign of a coordinate with random word `word`: -1 if its lowest bit is set, else +1.
inline int sketch_sign(std::uint32_t word) { return 1 - 2 * static_cast<int>(word & 1u); }

/// buckets[bucket(j)] += sign(j) x[j] for every word j in this order; x: [words.size()].
template <class T>
void sketch(const T* x, std::span<const std::uint32_t> words, std::span<T> buckets);

/// out[j] = sign(j) buckets[bucket(j)] for every word; out: [words.size()].
template <class T>
void unsketch(std::span<const T> buckets, std::span<const std::uint32_t> words, T* out);

constexpr std::size_t kSketchPart = std::size_t{1} << 15;  // buckets

/// Coordinates [first, first + size) and the buckets [first_bucket, first_bucket + buckets) that are theirs.
struct SketchPart {
  std::size_t first, size, first_bucket, buckets;
};

/// The parts of a sketch of `size` coordinates into `buckets` <= size buckets (at least 1).
std::vector<SketchPart> sketch_parts(std::size_t size, std::size_t buckets);

/// Sketches `workers` rows of `size` numbers, `stride` apart, into rows of `buckets` numbers, which are
/// overwritten; coordinate j has word j of stream `key`.
template <class T>
void sketch_rows(const T* x, std::size_t workers, std::size_t stride, std::size_t size, const StreamKey& key,
                 std::span<T> buckets);

/// out[j] = what coordinate j of a sketch with this stream reads back, without rescaling.
template <class T>
void unsketch_row(std::span<const T> buckets, const StreamKey& key, std::span<T> out);

}  // namespace laser
