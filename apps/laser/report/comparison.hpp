// The tables that compare methods over powers, as in Table 4 of the paper. Needs the rows of a report only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "laser/report/table.hpp"

namespace laser {

struct Report;
struct Row;

/// Methods down, powers across, a cell a row; what was run without noise in lines of its own below. Title and
/// caption are the caller's.
Table by_power(const std::vector<Row>& rows, const std::function<Cell(const Row&)>& cell_of);

/// The tables of a report: the metric by method and power with the paper's values, the raw final accuracy in
/// the same form, and the channel uses and time by method.
std::vector<Table> comparison_tables(const Report& report);

/// "84.51±0.12", or "84.51" where there is one seed.
std::string format_moments(double mean, const std::optional<double>& std);

}  // namespace laser
