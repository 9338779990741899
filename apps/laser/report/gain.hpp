// How many times more power one method needs than another for the same target, over targets
// and over the rounds of training, with step sizes chosen on held-out data. It reads records
// only (train/tuning.hpp made them).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "laser/record/schema.hpp"
#include "laser/report/origin.hpp"
#include "laser/report/power_needed.hpp"
#include "laser/report/table.hpp"

namespace laser {

/// What is judged, and after which epoch.
struct GainQuestion {
  std::int64_t epoch = 0;
  bool tuned = true;  // step sizes from the whole grid; else from the grid of the paper
  /// The step size of (method, power).
  std::map<std::pair<std::string, double>, double> rates;
};

/// One method over its powers, as one question found it.
struct GainCurve {
  std::string method;
  std::int64_t round = 0;
  bool tuned = true;
  std::vector<PowerPoint> points;  // rising power
  std::vector<double> rates;       // of each point
  double symbols = 0;              // channel uses a worker and round
  // Of each point: whether a run diverged; it says nothing about powers above
  std::vector<char> diverged = {};
};

/// The power that both need for a target, and its ratio.
struct GainRow {
  double target = 0;
  std::int64_t round = 0;
  bool tuned = true;
  Bounds laser_power;
  Bounds zsgd_power;
  Bounds gain;
  std::optional<Interval> interval;  // 95 %
};

struct GainReport {
  std::string task;
  std::string unit;  // of targets: "%" or empty
  bool higher_is_better = true;
  std::int64_t rounds = 0;
  double parameters = 0;  // d
  double symbols = 0;     // D of LASER: d / D bounds the gain
  double lag = 0;         // rounds that the error memory lags in its slowest tensor; 0: not known
  std::vector<GainCurve> curves;
  std::vector<GainRow> rows;
  Origin origin;
  std::vector<std::string> notes;
};

/// The value of a run after an epoch, for instance its perplexity.
using EpochValue = double (*)(const EpochRecord&);

/// `runs` are completed or diverged; those of a question are the ones with its step sizes. Where one of the
/// seeds diverged, the point is `worst`. Throws Error (data) where a question has no run for a method and
/// power that it names.
GainReport build_gain_report(std::span<const Run> runs, std::span<const GainQuestion> questions,
                             const std::vector<double>& targets, EpochValue value, double worst,
                             bool higher_is_better);

/// Gain by target at the end, gain by round, values by power, chosen step sizes.
std::vector<Table> gain_tables(const GainReport& report);

/// The report as JSON text: "rows" with target, round, laser_power, zsgd_power, gain, low, high, tuned,
/// paper. What is known only from one side is null, and "gain_at_least" or "gain_at_most" says it.
std::string to_json(const GainReport& report);

}  // namespace laser
