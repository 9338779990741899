#include "laser/kernels/sampling.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "laser/core/fail.hpp"
#include "laser/core/parallel.hpp"
#include "laser/kernels/word_filter.hpp"
#include "laser/kernels/word_runs.hpp"

namespace laser {
namespace {

constexpr std::int64_t kMaxPopulation = std::numeric_limits<std::int32_t>::max();

constexpr std::size_t kPiece = std::size_t{1} << 17;   // coordinates: a piece of work
constexpr std::size_t kSerial = std::size_t{1} << 15;  // numbers: less is not worth waking threads for

/// A coordinate's word and the coordinate, so that comparing keys compares words first.
using Key = std::uint64_t;

/// What a piece of the coordinates holds.
struct Tally {
  std::size_t below = 0;      // words below the low threshold
  std::vector<Key> boundary;  // those from it on that are below the high one, ascending by coordinate
};

/// share * 2^32, limited to [0, 2^32]; words below it are kept.
std::uint64_t word_threshold(double share) {
  return static_cast<std::uint64_t>(std::clamp(share, 0.0, 1.0) * 0x1p32);
}

constexpr std::size_t pieces_of(std::size_t count) { return (count + kPiece - 1) / kPiece; }

/// Calls work(p, begin, end) for all pieces of `count` numbers, side by side where they are many.
template <class Work>
void for_ranges(std::size_t count, const Work& work) {
  const auto piece = [&](std::size_t p) { work(p, p * kPiece, std::min(count, (p + 1) * kPiece)); };
  for_each_piece(pieces_of(count), piece, count > kSerial);
}

}  // namespace

std::vector<std::int32_t> sample_without_replacement(const StreamKey& key, std::int64_t population,
                                                     std::int64_t count, double margin) {
  LASER_CHECK(population >= 0 && population <= kMaxPopulation && count >= 0 && count <= population &&
              margin >= 0);
  std::vector<std::int32_t> chosen(static_cast<std::size_t>(count));
  if (count == 0) return chosen;
  const auto all = static_cast<std::size_t>(population), wanted = chosen.size();
  const auto expected = static_cast<double>(count), total = static_cast<double>(population);
  std::vector<Tally> tallies(pieces_of(all));
  // The count-th smallest word is near count / population; only words about there have to be put in order.
  // The margin grows until it holds that word; at the default 8 standard deviations the first pass
  // practically always does.
  Key last = 0;
  for (double width = margin * (std::sqrt(expected) + 2);; width = 2 * width + 16) {
    const std::uint64_t low = word_threshold((expected - width) / total);
    const std::uint64_t high = word_threshold((expected + width) / total);
    for_ranges(all, [&](std::size_t p, std::size_t begin, std::size_t end) {
      auto& tally = tallies[p];
      tally = {};
      for_words(key, begin, end - begin, [&](std::size_t at, std::span<const std::uint32_t> words) {
        std::array<std::uint32_t, kWordRun> between;
        const auto [below, found] = tally_words(words, low, high, between.data());
        tally.below += below;
        for (std::size_t j = 0; j < found; ++j)
          tally.boundary.push_back(Key{words[between[j]]} << 32 | (begin + at + between[j]));
      });
    });
    std::size_t certain = 0;
    std::vector<Key> boundary;
    for (const auto& tally : tallies) {
      certain += tally.below;
      boundary.insert(boundary.end(), tally.boundary.begin(), tally.boundary.end());
    }
    if (certain >= wanted || certain + boundary.size() < wanted) continue;
    const auto place = boundary.begin() + static_cast<std::ptrdiff_t>(wanted - certain - 1);
    std::nth_element(boundary.begin(), place, boundary.end());
    last = *place;
    break;
  }
  // How many each piece has is known now, and with it where they go.
  std::vector<std::size_t> offsets;
  std::size_t offset = 0;
  for (const auto& tally : tallies) {
    offsets.push_back(offset);
    offset += tally.below + static_cast<std::size_t>(std::ranges::count_if(
                                tally.boundary, [&](Key boundary) { return boundary <= last; }));
  }
  LASER_CHECK(offset == wanted);
  for_ranges(all, [&](std::size_t p, std::size_t begin, std::size_t end) {
    auto* out = chosen.data() + offsets[p];
    for_words(key, begin, end - begin, [&](std::size_t at, std::span<const std::uint32_t> words) {
      std::array<std::uint32_t, kWordRun> kept;
      // Words equal to the last one count up to its coordinate.
      const auto limit = last >> 32;
      const auto found = words_up_to(words, static_cast<std::uint32_t>(limit), kept.data());
      for (std::size_t j = 0; j < found; ++j) {
        const auto coordinate = begin + at + kept[j];
        if (words[kept[j]] == limit && coordinate > (last & 0xFFFFFFFFu)) continue;
        *out++ = static_cast<std::int32_t>(coordinate);
      }
    });
  });
  return chosen;
}

template <class T>
void gather(const T* x, std::span<const std::int32_t> indices, T* out) {
  for_ranges(indices.size(), [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t j = begin; j < end; ++j) out[j] = x[indices[j]];
  });
}

template <class T>
void scatter(const T* values, std::span<const std::int32_t> indices, std::span<T> out) {
  if (indices.empty()) return std::fill(out.begin(), out.end(), T{0});
  for_ranges(indices.size(), [&](std::size_t p, std::size_t begin, std::size_t end) {
    // The zeros up to a run's last number first, then its numbers, while these are in the cache.
    std::size_t zeroed = p == 0 ? 0 : static_cast<std::size_t>(indices[begin]);
    for (std::size_t first = begin; first < end; first += kWordRun) {
      const std::size_t next = std::min(end, first + kWordRun);
      const std::size_t to = next == indices.size() ? out.size() : static_cast<std::size_t>(indices[next]);
      std::fill(out.begin() + static_cast<std::ptrdiff_t>(zeroed),
                out.begin() + static_cast<std::ptrdiff_t>(to), T{0});
      zeroed = to;
      for (std::size_t j = first; j < next; ++j) out[static_cast<std::size_t>(indices[j])] = values[j];
    }
  });
}

template <class T>
void clear_at(std::span<const std::int32_t> indices, T* out) {
  for_ranges(indices.size(), [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t j = begin; j < end; ++j) out[indices[j]] = T{0};
  });
}

template void gather(const float*, std::span<const std::int32_t>, float*);
template void gather(const double*, std::span<const std::int32_t>, double*);
template void scatter(const float*, std::span<const std::int32_t>, std::span<float>);
template void scatter(const double*, std::span<const std::int32_t>, std::span<double>);
template void clear_at(std::span<const std::int32_t>, float*);
template void clear_at(std::span<const std::int32_t>, double*);

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
