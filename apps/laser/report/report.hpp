// From run records to results: which runs belong together, their mean and spread over the seeds, and
// the paper's value beside them. Pure computation; what it looks like is in table.hpp,
// summary_json.hpp, html.hpp and figures.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "laser/record/schema.hpp"
#include "laser/report/diagnostics.hpp"
#include "laser/report/metric.hpp"
#include "laser/report/moments.hpp"
#include "laser/report/origin.hpp"
#include "laser/report/paper_curves.hpp"
#include "laser/report/paper_values.hpp"
#include "laser/report/power_table.hpp"
#include "laser/report/spectra.hpp"
#include "laser/report/table.hpp"
#include "laser/report/three_axes.hpp"

namespace laser {

/// One method at one power, over its seeds.
struct Row {
  std::string method;
  std::map<std::string, std::string> axes;  // settings that tell it from other rows of the method and power
  std::optional<double> power;              // absent: noiseless
  std::optional<double> ratio;              // snr_db, where that was given in place of the power
  std::int64_t seeds = 0;
  double mean = 0;                           // of the metric
  std::optional<double> std;                 // sample standard deviation; absent for one seed
  std::optional<double> interval;            // half of the 95 % interval of the mean; likewise
  double best = 0;                           // over the seeds
  std::optional<std::string> learning_rate;  // chosen at this power, where rates were swept
  double final_mean = 0;                     // of the metric's companion; NaN where it was not measured
  std::optional<double> final_std;
  std::optional<PaperValue> paper;
  bool leading = false;        // the best mean of this power, or not told from it by the intervals
  bool best_at_power = false;  // leading alone: its interval lies beyond those of all others
  double symbols = 0;          // per worker and round
  double dense_symbols = 0;
  double seconds = 0;  // per run
  /// Decibels of signal over noise in a symbol: P over the symbols; absent without noise.
  [[nodiscard]] std::optional<double> snr_db() const;
};

/// What a column of a table over powers stands for: P, or the ratio where all rows with noise were given one.
struct PowerColumns {
  explicit PowerColumns(std::span<const Row> rows);
  bool by_ratio = false;
  std::vector<double> values;  // rising
  /// The column of a row; absent without noise.
  [[nodiscard]] std::optional<double> of(const Row& row) const { return by_ratio ? row.ratio : row.power; }
  /// "P = 10" or "-20 dB".
  [[nodiscard]] std::vector<std::string> header() const;
};

/// The metric over the epochs for one row.
struct Curve {
  std::string method;
  std::map<std::string, std::string> axes;
  std::optional<double> power;
  std::vector<std::int64_t> epochs;  // those that all seeds have
  std::vector<double> mean;
  std::vector<std::optional<double>> std;
  std::vector<std::optional<double>> interval;  // half of the 95 % interval of the mean
};

/// A setting of the runs that is not at its default.
struct ChangedSetting {
  std::string name, values, usual;
};

/// One run of the list of runs.
struct RunEntry {
  std::string folder;
  RunSummary summary;
};

/// All results of one report.
struct Report {
  std::string task;
  Metric metric;
  std::vector<Row> rows;                      // by method, settings, power (noiseless last)
  std::vector<Curve> curves;                  // in the order of the rows
  std::vector<Spectrum> spectra;              // of the gradients, where runs recorded them
  std::vector<Table> tables;                  // the comparison first
  std::vector<TargetNeed> needs;              // power for round values of the metric
  std::vector<AxisFront> fronts;              // the metric over energy, transmit power and air time
  const PaperFigure* paper_figure = nullptr;  // that shows the same; static
  double power_factor = 1;                    // the paper's power over that of equal power per parameter
  std::vector<Diagnosis> diagnoses;           // at the best step sizes, where these were swept
  std::vector<std::string> notes;
  Origin origin;
  std::vector<RunEntry> runs;                   // all of them, completed or not
  std::map<std::string, std::string> settings;  // of the completed runs
  std::vector<ChangedSetting> changed;          // from what method and task bring, where that is known
  std::map<std::string, std::string> versions;
};

/// What method and task of a run bring of the settings, by name, as text; the library's own list
/// is not known here.
using DefaultSettings = std::function<std::map<std::string, std::string>(const RunSummary&)>;

/// Groups the completed runs by method, power and whatever other setting was swept, over the seeds. Throws
/// Error (data) when no run completed or the runs are of different tasks.
Report build_report(std::span<const Run> runs, const DefaultSettings& defaults = {});

}  // namespace laser
