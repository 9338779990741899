// The power that the methods of a report need for round values of its metric, beside the same for the paper's
// curves: as results and as tables. The computation is power_needed.hpp.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "laser/report/paper_curves.hpp"
#include "laser/report/power_needed.hpp"
#include "laser/report/table.hpp"

namespace laser {

struct Metric;
struct Row;

struct MethodNeed {
  std::string label;
  Bounds grid;                       // the paper's rule
  Bounds between;                    // between the points of the grid
  std::optional<Interval> interval;  // of `between`
};

/// How many times more power Z-SGD needs than LASER.
struct Gain {
  Bounds grid;
  Bounds between;
  std::optional<Interval> interval;  // of `between`
};

struct TargetNeed {
  double target = 0;
  std::vector<MethodNeed> methods;  // those with at least two powers, in the order of the rows
  std::optional<Gain> gain;         // where there is one line of results of each of the two methods
};

/// Needs of the rows for `targets`; where that is empty, for round values between what LASER and Z-SGD (or
/// the first methods) reach at their smallest power and at most.
std::vector<TargetNeed> power_needs(const std::vector<Row>& rows, const Metric& metric,
                                    std::vector<double> targets);

/// The same for the paper's curves, at its own targets or as above.
std::vector<TargetNeed> power_needs(const PaperFigure& figure, const Metric& metric);

/// A line a target, a column a method, the gain in the last, bold where its interval does not hold 1. `whose`
/// begins the title.
Table power_table(const std::vector<TargetNeed>& needs, const Metric& metric, const std::string& whose);

}  // namespace laser
