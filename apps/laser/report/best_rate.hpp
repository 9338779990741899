// The paper's choice of the learning rate: the best of a grid at every power, the same grid for every method
// [LASER, appendix F; spec 5, E2]. Needs the rows and curves of a report only.
#pragma once

#include <optional>
#include <vector>

#include "laser/report/table.hpp"

namespace laser {

struct Report;

/// Where learning rates were swept: keeps of each method, setting and power the row with the best mean and
/// its curve, notes the rate in the row, and returns the table of the rates, which tells whether there was a
/// choice. None where rates tell no rows apart.
std::optional<Table> keep_best_rates(Report& report);

}  // namespace laser
