// What the server makes of the workers' energies, for tests of single formulas.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace laser {

/// The mean over the workers, [B], of a [k, B] array: what the server broadcasts (spec 3.2).
inline std::vector<double> average_over_workers(std::span<const double> values, std::size_t workers) {
  std::vector<double> average(values.size() / workers, 0.0);
  for (std::size_t i = 0; i < values.size(); ++i)
    average[i % average.size()] += values[i] / static_cast<double>(workers);
  return average;
}

}  // namespace laser
