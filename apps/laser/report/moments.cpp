#include "laser/report/moments.hpp"

#include <array>
#include <cmath>
#include <numeric>

#include "laser/core/fail.hpp"

namespace laser {
namespace {

/// The 97.5 % quantile of Student's distribution.
double student(std::size_t freedom) {
  constexpr std::array<double, 30> kQuantiles = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                                 2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                                                 2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                                                 2.060,  2.056, 2.052, 2.048, 2.045, 2.042};
  if (freedom <= kQuantiles.size()) return kQuantiles[freedom - 1];
  return 1.96 + 2.4 / static_cast<double>(freedom);  // to 0.002
}

}  // namespace

std::optional<double> half_interval(const std::optional<double>& std, std::size_t count) {
  if (!std || count < 2) return {};
  return student(count - 1) * *std / std::sqrt(static_cast<double>(count));
}

Moments moments(std::span<const double> values) {
  LASER_CHECK(!values.empty());
  const double count = static_cast<double>(values.size());
  Moments result{std::accumulate(values.begin(), values.end(), 0.0) / count, {}, {}};
  if (values.size() == 1) return result;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.std = std::sqrt(squares / (count - 1));
  result.interval = half_interval(result.std, values.size());
  return result;
}

}  // namespace laser
