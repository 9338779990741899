// What a fair comparison found: accuracy over power at the methods' own and at chosen step
// sizes, and the power that each needs for round accuracies, with intervals. It reads records
// only (train/tuning.hpp made them).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "laser/record/schema.hpp"
#include "laser/report/origin.hpp"
#include "laser/report/power_needed.hpp"
#include "laser/report/table.hpp"

namespace laser {

/// What the runs are judged by after their last epoch.
struct TunedQuantity {
  std::string title = "Test accuracy of the final weights";
  std::string unit = "%";  // of targets; empty where there is none
  double worst = 0;        // that of a run which diverged
  bool higher_is_better = true;
  double (*at_epoch)(const EpochRecord&) = nullptr;  // null: the summary's final_accuracy
};

/// One method at step sizes chosen one way, over the powers.
struct TunedCurve {
  std::string method;
  bool tuned = false;                         // step sizes chosen on held-out examples; else the method's own
  std::vector<PowerPoint> points;             // rising power; one of power 0 where the method is noiseless
  std::vector<double> rates;                  // of each point
  std::vector<std::optional<double>> ratios;  // of each point: snr_db, where that was given in place of power
  double symbols = 0;                         // channel uses a worker and round
  [[nodiscard]] bool noiseless() const { return points.size() == 1 && points[0].power == 0; }
};

/// Power needed for a target, and how many times more the reference needs.
struct TunedNeed {
  double target = 0;
  std::size_t curve = 0;  // index
  Bounds needed;
  std::optional<Interval> interval;
  Bounds gain;  // over the reference
  std::optional<Interval> gain_interval;
};

struct TunedReport {
  std::string task;
  TunedQuantity quantity;
  std::vector<TunedCurve> curves;  // methods in their usual order, own step sizes before tuned ones
  // Index of the curve that powers are held against: tuned LASER where there is one
  std::size_t reference = 0;
  std::vector<TunedNeed> needs;
  Origin origin;
  std::vector<std::string> notes;
};

/// Groups completed runs: `fixed` at the methods' own step sizes, `tuned` at chosen ones. Throws Error (data)
/// where none completed.
TunedReport build_tuned_report(std::span<const Run> fixed, std::span<const Run> tuned,
                               const std::vector<double>& targets, const TunedQuantity& quantity = {});

/// "LASER, tuned": how tables and figures call a curve.
std::string label(const TunedCurve& curve);

/// Accuracy by power, chosen step sizes, power needed and gain.
std::vector<Table> tuned_tables(const TunedReport& report);

/// The report as JSON text, for figures and programs.
std::string to_json(const TunedReport& report);

/// How many times less power than the reference every method needs, as JSON text: "rows" with method, target,
/// gain, low, high (95 %), symbols, laser_symbols (of the reference), setting ("one for all powers" or "tuned
/// per power"). What is known from one side only is null, and "gain_at_least" or "gain_at_most" says it.
std::string gains_to_json(const TunedReport& report);

}  // namespace laser
