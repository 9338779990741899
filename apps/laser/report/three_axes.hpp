// What a result costs on the three axes on which methods differ over a link: the energy that a worker sends,
// the power that it sends with, and the time on the air (docs/links.md). From records: energies and symbols
// are those that were counted. Not here: watts and seconds of a link of one's own, which are `laser link
// --run`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "laser/report/grouping.hpp"
#include "laser/report/metric.hpp"
#include "laser/report/table.hpp"

namespace laser {

/// What had been spent after an epoch, means over the seeds and workers, and what was reached.
struct Spent {
  double energy = 0;   // of a worker, noise variance of a real symbol
  double symbols = 0;  // real, on the air
  double value = 0;    // of the metric, after this epoch
  /// Energy over symbols: the mean power of a worker while it has the air, over that of the noise.
  [[nodiscard]] double transmit_power() const { return energy / symbols; }
};

/// One method at one power.
struct Course {
  std::string method, label;
  double power = 0;
  std::optional<double> ratio;  // snr_db, where that was given in place of the power
  std::vector<Spent> epochs;    // those that all seeds have
  double symbols = 0;           // a round
  double value = 0;             // of the metric, of the whole run
  bool undominated = false;  // no other is as good in the metric and on all axes, and better in one of them
};

/// The courses of all groups with noise, in their order, the undominated ones marked. Empty where a record
/// has no energies (those before version 0.1).
[[nodiscard]] std::vector<Course> courses_of(const std::vector<Group>& groups, const Metric& metric);

/// What a method reaches with at most so much of one resource, at whatever power and epoch: x rises, and so
/// does the metric (or falls where less is better).
struct AxisFront {
  std::string axis;  // energy | transmit_power | symbols
  std::string method, label;
  std::vector<double> x, y;
};

/// One for every axis and method. Of transmit power, whole runs alone.
[[nodiscard]] std::vector<AxisFront> axis_fronts(const std::vector<Course>& courses, const Metric& metric);

/// A line a course: the metric, energy, transmit power and symbols of the whole run, and whether it is
/// undominated. Best first.
[[nodiscard]] Table pareto_table(const std::vector<Course>& courses, const Metric& metric);

/// A line a method, a column for every transmit power that several methods have in common at different
/// budgets: the metric of whole runs. No lines where there is none.
[[nodiscard]] Table equal_power_table(const std::vector<Course>& courses, const Metric& metric);

/// A line a method, a column for the air time of every whole run, where these differ: the best of the metric
/// that takes no more, at whatever power. No lines where all take the same.
[[nodiscard]] Table equal_air_table(const std::vector<Course>& courses, const Metric& metric);

/// A line a method for every target: the least of each resource that it reaches the target with, by the
/// mean of the seeds, at whatever power: "-" where it does not.
[[nodiscard]] Table least_table(const std::vector<Course>& courses, const Metric& metric,
                                const std::vector<double>& targets);

}  // namespace laser
