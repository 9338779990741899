// Numbers in bits: the unbiased stochastic quantiser of a digital link, at the rate that the
// link affords (spec 1.5).
//
// QSGD [Alistarh et al., arXiv 1610.02132] with its largest entry for the scale: with s levels a number v of
// a group whose largest magnitude is M becomes M/s times one of the two whole numbers next to s v/M, drawn so
// that its mean is v. Each takes log2(2 s + 1) bits, and s is the largest that fits. Where not even s = 1
// does (less than log2 3 bits a number), a random subset of the numbers is sent with s = 1 and scaled up by
// its share, so that the mean still is v; both ends draw the subset from a common seed, and it costs no bits.
// Not here: how many bits there are (Channel::bits), and what the scales M cost.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "laser/core/random.hpp"

namespace laser {

/// Groups that a block has at most: each has random words of its own.
inline constexpr std::int64_t kQuantisedGroups = 64;

/// How `size` numbers are written in a number of bits.
struct QuantiserRate {
  std::int64_t numbers = 0;  // that are sent, of all
  double levels = 0;         // s
  double bits = 0;           // that they take
};

/// The finest quantiser of `size` numbers that takes at most `bits` bits; no numbers where not even one fits.
[[nodiscard]] QuantiserRate quantiser_rate(std::int64_t size, double bits);

/// What becomes of symbols.
struct Quantised {
  at::Tensor symbols;        // [K, C, D], as they are received
  std::vector<double> bits;  // [K] that each worker's take, without those of its C scales
};

/// Symbols [K, C, D], float or double on the CPU, in at most `bits` [K] bits a worker, which the C groups, at
/// most kQuantisedGroups, share alike. `unit` tells blocks of one tensor apart; worker i is number `first` +
/// i of all.
[[nodiscard]] Quantised quantise(const at::Tensor& symbols, std::span<const double> bits,
                                 const StreamKey& key, std::uint32_t unit, std::int64_t first);

}  // namespace laser
