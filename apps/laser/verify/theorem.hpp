// Theorem 1 (i) beside what it bounds: both sides for LASER and Z-SGD on a quadratic, the left one by the
// recursion of the second moments, exactly. A bound that holds proves little; how loose it is, is what the
// rows are for.
#pragma once

#include <string>
#include <vector>

#include "laser/verify/check.hpp"

namespace laser::verify {

/// Both sides at the step at which the right one is least.
struct TheoremRow {
  std::string method;
  std::int64_t last_round = 0;  // T
  double influence = 0;         // lambda
  double step = 0;
  double left = 0;   // E f(out) - f*
  double right = 0;  // of Theorem 1 (i), for Z-SGD (iv)
};

/// For every T, at the largest lambda of Assumption 5 for LASER and the same power for Z-SGD.
[[nodiscard]] std::vector<TheoremRow> theorem_rows(const std::vector<std::int64_t>& last_rounds);

/// "at most", with no allowance for chance.
[[nodiscard]] Check theorem_check(const TheoremRow& row);

}  // namespace laser::verify
