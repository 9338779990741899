// Compares what was computed with what a case expects, key by key and number by number (spec 9).
#pragma once

#include <string>
#include <vector>

#include "kind_table.hpp"

namespace laser::known_answers {

struct Tolerance {
  double relative = 1e-9;
  double absolute = 1e-12;
};

struct Mismatch {
  std::string key;  // path, such as P_i[2]
  std::string got;
  std::string expected;
};

/// The tolerance of a case; {"rel": .., "abs": ..}, a missing member counts as 0, a missing
/// object as the defaults.
[[nodiscard]] Tolerance read_tolerance(const Json& test_case);

/// All places where `got` differs from `expected`: every key and entry of `expected` must be there, numbers
/// pass if |got - expected| <= max(absolute, relative |expected|). Further keys of `got` are ignored.
[[nodiscard]] std::vector<Mismatch> compare(const Json& got, const Json& expected,
                                            const Tolerance& tolerance);

}  // namespace laser::known_answers
