// Checks of the arguments of formulas: what a user typed, so that a wrong number gives one clear line.
//
// Used by power/ and theory/. Not for our own mistakes: those are LASER_CHECKs.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string_view>

#include "laser/core/fail.hpp"

namespace laser {

/// Throws Error (configuration) unless `value` is finite and above 0.
inline void require_positive(std::string_view name, double value) {
  if (!std::isfinite(value) || value <= 0) {
    fail(ExitCode::kConfiguration, "{} is {}: it must be a finite number above 0", name, value);
  }
}

/// Throws Error (configuration) unless `value` is finite and at least 0.
inline void require_nonnegative(std::string_view name, double value) {
  if (!std::isfinite(value) || value < 0) {
    fail(ExitCode::kConfiguration, "{} is {}: it must be a finite number, 0 or above", name, value);
  }
}

/// Throws Error (configuration) unless 0 < value <= 1.
inline void require_fraction(std::string_view name, double value) {
  if (!(value > 0 && value <= 1)) {
    fail(ExitCode::kConfiguration, "{} is {}: it must lie in (0, 1]", name, value);
  }
}

/// Throws Error (configuration) unless the count `value` is at least `minimum`.
inline void require_at_least(std::string_view name, std::int64_t value, std::int64_t minimum) {
  if (value < minimum)
    fail(ExitCode::kConfiguration, "{} is {}: it must be at least {}", name, value, minimum);
}

/// The longest side of a matrix: m n then fits in 64 bits.
inline constexpr std::int64_t kLongestSide = std::int64_t{1} << 31;

/// Throws Error (configuration) unless m and n lie in 1..kLongestSide.
inline void require_matrix(std::int64_t m, std::int64_t n) {
  require_at_least("the number of rows m", m, 1);
  require_at_least("the number of columns n", n, 1);
  if (std::max(m, n) > kLongestSide) {
    fail(ExitCode::kConfiguration, "a {} x {} matrix is too large: the longest side is {}", m, n,
         kLongestSide);
  }
}

/// Throws Error (configuration) unless 1 <= rank <= min(m, n).
inline void require_rank(std::int64_t rank, std::int64_t m, std::int64_t n) {
  require_matrix(m, n);
  if (rank < 1 || rank > std::min(m, n)) {
    fail(ExitCode::kConfiguration, "rank {} does not fit a {} x {} matrix: it must lie in 1..{}", rank, m, n,
         std::min(m, n));
  }
}

/// Throws Error (configuration) unless every entry is finite and at least 0.
inline void require_all_nonnegative(std::string_view name, std::span<const double> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i]) || values[i] < 0) {
      fail(ExitCode::kConfiguration, "entry {} of {} is {}: every entry must be a finite number, 0 or above",
           i, name, values[i]);
    }
  }
}

/// Throws Error (configuration) unless the list has `expected` entries.
inline void require_length(std::string_view name, std::size_t length, std::size_t expected) {
  if (length != expected) {
    fail(ExitCode::kConfiguration, "{} has {} entries: {} are needed", name, length, expected);
  }
}

}  // namespace laser
