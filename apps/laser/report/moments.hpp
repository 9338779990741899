// Mean, spread and 95 % interval of a few numbers, for instance those of the seeds.
#pragma once

#include <optional>
#include <span>

namespace laser {

/// Of at least one value; what needs two is absent for one.
struct Moments {
  double mean = 0;
  std::optional<double> std;       // sample standard deviation (divisor n - 1)
  std::optional<double> interval;  // half of the 95 % interval of the mean: Student's, from `std`
};
Moments moments(std::span<const double> values);

/// Half of the 95 % interval of a mean of `count` values whose sample standard deviation is `std`; absent
/// where there is none.
std::optional<double> half_interval(const std::optional<double>& std, std::size_t count);

}  // namespace laser
