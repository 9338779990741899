// Addressed randomness: every random number is a function of where it is used, never of
// what was drawn before.
//
// A stream is named by (seed, purpose, round, layer, unit); number `index` of a stream is a word of
// Philox4x32-10 [Salmon et al., SC 2011] with key = seed and counter = (index / 4, unit,
// purpose|layer, round). No two streams share a counter. There is no generator object and no state, so
// results do not depend on call order, thread count or process count. Vectorised fills are in
// the kernels; this is the definition.
#pragma once

#include <array>
#include <cstdint>

namespace laser {

/// What a stream is for. The numeric values are part of the reproducibility promise: append, never renumber.
enum class Purpose : std::uint8_t {
  kInitialWeights = 1,
  kShards = 2,       // the one permutation that splits the data over the workers
  kShuffle = 3,      // each worker's order in each epoch
  kWarmStart = 4,    // first bases of the low-rank compressor
  kNoise = 5,        // channel noise
  kIndices = 6,      // Random-K's coordinates
  kSketch = 7,       // buckets and signs of the count-mean sketch
  kProjection = 8,   // A-DSGD's Gaussian matrix
  kReplacement = 9,  // columns that replace rank-deficient ones
  kFading = 10,
  kAugmentation = 11,
  kDropout = 12,
  kRounding = 13,  // stochastic rounding of error memories
  kPart = 14,      // of parts from outside
  kTest = 15,
  kWindows = 16,     // where the text windows of training and evaluation begin
  kQuantising = 17,  // of symbols that go over a digital link
};

/// The name of a stream.
struct StreamKey {
  std::uint64_t seed = 0;
  Purpose purpose = Purpose::kTest;
  std::uint32_t round = 0;  // iteration or epoch
  std::uint32_t layer = 0;  // tensor index, below 2^24
  std::uint32_t unit = 0;   // worker or block
};

/// The four words that one counter of the generator gives.
using PhiloxBlock = std::array<std::uint32_t, 4>;

/// One application of Philox4x32-10 to `counter` under `key` (known answers: Random123).
PhiloxBlock philox(PhiloxBlock counter, std::array<std::uint32_t, 2> key);

/// The four words number 4*block .. 4*block+3 of a stream.
PhiloxBlock random_block(const StreamKey& key, std::uint32_t block);

/// Word number `index` of a stream, uniform on 0..2^32-1.
std::uint32_t random_word(const StreamKey& key, std::uint64_t index);

/// Number `index` of a stream, uniform on the open interval (0, 1): (word + 0.5) / 2^32.
double random_uniform(const StreamKey& key, std::uint64_t index);

/// An integer uniform on 0..bound-1 from word `index` (multiply-shift; bias below bound / 2^32).
std::uint32_t random_below(const StreamKey& key, std::uint64_t index, std::uint32_t bound);

}  // namespace laser
