// What the channel part of the verification measures: each scheme of the paper with the formula for its
// influence factor beside it.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "laser/verify/moments.hpp"

namespace laser::verify {

/// A scheme, what theory says about it, and the powers at which it is measured.
struct MeasuredScheme {
  Scheme scheme;
  std::string source;  // of the influence factor
  std::function<double(double power)> influence;
  std::vector<double> powers;
  std::uint64_t seed = 0;
  std::string bound_source;  // of an upper bound on the influence, where there is one
  std::function<double(double power)> bound;
  bool unbiased = true;
  std::function<double(double power)> gain;  // E <y, X>/||X||^2; empty: 1
};

/// All subjects: Z-SGD, the three transports of LASER, Random-K, several blocks, several workers, MMSE.
[[nodiscard]] std::vector<MeasuredScheme> channel_subjects(std::uint64_t seed);

}  // namespace laser::verify
