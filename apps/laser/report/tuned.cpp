#include "laser/report/tuned.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "laser/core/fail.hpp"
#include "laser/link/units.hpp"
#include "laser/report/comparison.hpp"
#include "laser/report/grouping.hpp"
#include "laser/report/methods.hpp"
#include "laser/report/report.hpp"

namespace laser {
namespace {

using Json = nlohmann::ordered_json;

/// The number that a run ended with.
double value_of(const Run& run, const TunedQuantity& quantity) {
  if (run.summary.status == "failed") return quantity.worst;
  if (quantity.at_epoch == nullptr) return run.summary.final_accuracy;
  return run.epochs.empty() ? quantity.worst : quantity.at_epoch(run.epochs.back());
}

std::vector<TunedCurve> curves_of(std::span<const Run> runs, bool tuned, const TunedQuantity& quantity,
                                  std::vector<std::string>& notes) {
  struct Cell {
    std::vector<double> values;  // over the seeds
    double rate = 0;
    std::optional<double> ratio;
  };
  std::map<std::string, std::map<double, Cell>> methods;  // power 0: noiseless
  std::map<std::string, double> symbols;
  for (const auto& run : runs) {
    const auto& s = run.summary;
    if (s.status == "unfinished" || s.status == "interrupted") continue;
    auto& [values, rate, ratio] = methods[s.method][s.power.value_or(0.0)];
    const bool diverged = s.status == "failed";
    if (diverged)
      notes.push_back(fmt::format("{} diverged and counts as {:g} {}: {}", run.folder, quantity.worst,
                                  quantity.unit, s.reason));
    values.push_back(value_of(run, quantity));
    ratio = given_ratio(s);
    const auto found = s.configuration.find("learning_rate");
    if (found != s.configuration.end()) rate = std::strtod(found->second.c_str(), nullptr);
    if (!diverged) symbols[s.method] = s.symbols_per_round;
  }
  std::vector<TunedCurve> curves;
  for (const auto& [method, cells] : methods) {
    TunedCurve curve{method, tuned, {}, {}, {}, symbols[method]};
    for (const auto& [power, cell] : cells) {
      const auto m = moments(cell.values);
      curve.points.push_back({power, m.mean, m.std, static_cast<std::int64_t>(cell.values.size())});
      curve.rates.push_back(cell.rate);
      curve.ratios.push_back(cell.ratio);
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

std::string power_text(const Bounds& b) {
  if (b.known()) return fmt::format("{:.3g}", b.low);
  if (b.low == 0) return fmt::format("<= {:.3g}", b.high);
  return fmt::format("> {:.3g}", b.low);
}

std::string interval_text(const std::optional<Interval>& interval) {
  if (!interval) return "";
  const auto end = [](double value, const char* none) {
    return value == 0 || std::isinf(value) ? std::string(none) : fmt::format("{:.2g}", value);
  };
  return fmt::format(" ({} .. {})", end(interval->low, "?"), end(interval->high, "?"));
}

/// Whether every point with noise was given a signal-to-noise ratio in place of a power:
/// columns are ratios then.
bool by_ratio(const TunedReport& report) {
  bool noisy = false;
  for (const auto& curve : report.curves) {
    for (std::size_t i = 0; i < curve.points.size(); ++i) {
      if (curve.points[i].power <= 0) continue;
      noisy = true;
      if (!curve.ratios[i]) return false;
    }
  }
  return noisy;
}

/// The column of a point: its power, or its ratio.
double column_of(const TunedCurve& curve, std::size_t point, bool ratio) {
  return ratio ? curve.ratios[point].value() : curve.points[point].power;
}

std::vector<double> columns_of(const TunedReport& report) {
  const bool ratio = by_ratio(report);
  std::set<double> columns;
  for (const auto& curve : report.curves) {
    for (std::size_t i = 0; i < curve.points.size(); ++i) {
      if (curve.points[i].power > 0) columns.insert(column_of(curve, i, ratio));
    }
  }
  return {columns.begin(), columns.end()};
}

/// "-38.9 to -18.9": decibels of signal over noise in a symbol at the smallest and the largest power.
std::string ratios_text(const TunedCurve& curve) {
  if (curve.noiseless() || curve.symbols <= 0) return "";
  const auto text = [&](const PowerPoint& point) {
    return fmt::format("{:.1f}", link::to_decibels(link::signal_to_noise_of(point.power, curve.symbols)));
  };
  const auto low = text(curve.points.front()), high = text(curve.points.back());
  return low == high ? low : low + " to " + high;
}

/// A line a curve, a column a power; `text` makes the cell of a point.
template <class Text>
Table over_powers(const TunedReport& report, std::string title, std::string caption, Text text) {
  Table table{std::move(title), std::move(caption), {"method"}, {}};
  const bool ratio = by_ratio(report);
  const auto columns = columns_of(report);
  for (const double column : columns)
    table.header.push_back(ratio ? fmt::format("{:g} dB", column) : fmt::format("P = {:g}", column));
  for (const auto& curve : report.curves) {
    TableLine line{label(curve), {}};
    for (const double column : columns) {
      std::string content;
      for (std::size_t i = 0; i < curve.points.size(); ++i) {
        if (curve.noiseless() || column_of(curve, i, ratio) == column) content = text(curve, i);
      }
      line.cells.push_back({content});
    }
    table.lines.push_back(std::move(line));
  }
  return table;
}

nlohmann::ordered_json ends(double low, double high) {
  return {low == 0 ? Json(nullptr) : Json(low), std::isinf(high) ? Json(nullptr) : Json(high)};
}

}  // namespace

std::string label(const TunedCurve& curve) {
  return method_name(curve.method) + (curve.tuned ? ", tuned" : "");
}

TunedReport build_tuned_report(std::span<const Run> fixed, std::span<const Run> tuned,
                               const std::vector<double>& targets, const TunedQuantity& quantity) {
  TunedReport report;
  if (fixed.empty() && tuned.empty())
    fail(ExitCode::kData, "there is no run to report. HINT: the study goes on with --resume");
  report.task = (fixed.empty() ? tuned : fixed)[0].summary.task;
  report.quantity = quantity;
  report.origin = origin_of(fixed.empty() ? tuned : fixed);
  report.curves = curves_of(fixed, false, quantity, report.notes);
  auto more = curves_of(tuned, true, quantity, report.notes);
  report.curves.insert(report.curves.end(), more.begin(), more.end());
  std::stable_sort(report.curves.begin(), report.curves.end(), [](const TunedCurve& a, const TunedCurve& b) {
    return method_before(a.method, b.method);
  });
  std::vector<PowerEstimate> estimates;
  for (std::size_t c = 0; c < report.curves.size(); ++c) {
    estimates.emplace_back(report.curves[c].points, quantity.higher_is_better, c + 1);
    if (report.curves[c].method == "laser") report.reference = c;  // the tuned one stands last
  }
  if (report.curves[report.reference].noiseless()) return report;
  for (const double target : targets) {
    for (std::size_t c = 0; c < report.curves.size(); ++c) {
      if (report.curves[c].noiseless()) continue;
      TunedNeed need{target, c, estimates[c].needed(target), estimates[c].interval(target), {}, {}};
      const auto& reference = estimates[report.reference];
      need.gain = ratio(reference.needed(target), need.needed);
      if (c != report.reference) need.gain_interval = estimates[c].gain_interval(reference, target);
      report.needs.push_back(need);
    }
  }
  return report;
}

std::vector<Table> tuned_tables(const TunedReport& report) {
  std::vector<Table> tables;
  const std::string goal = report.quantity.unit == "%" ? "an accuracy" : "a perplexity";
  tables.push_back(
      over_powers(report, report.quantity.title,
                  fmt::format("{}ean and standard deviation over the seeds. A method without 'tuned' has "
                              "its own step size at every power.",
                              report.quantity.unit == "%" ? "Percent, m" : "M"),
                  [](const TunedCurve& curve, std::size_t i) {
                    return format_moments(curve.points[i].mean, curve.points[i].std);
                  }));
  tables.push_back(over_powers(
      report, "Step sizes", "Chosen on held-out examples where the method is tuned, from one grid for all.",
      [](const TunedCurve& curve, std::size_t i) { return fmt::format("{:g}", curve.rates[i]); }));
  Table power{fmt::format("Power needed for {}", goal),
              "Between the measured powers, straight over their logarithm; in brackets 95 % intervals.",
              {"method"},
              {}};
  Table gain{
      fmt::format("Power of {} over that of the method", label(report.curves[report.reference])),
      fmt::format("How many times less power a method needs for {}; in brackets 95 % intervals.", goal),
      {"method"},
      {}};
  for (std::size_t c = 0; c < report.curves.size(); ++c) {
    TableLine needs{label(report.curves[c]), {}}, gains{label(report.curves[c]), {}};
    for (const auto& need : report.needs) {
      if (need.curve != c) continue;
      if (power.lines.empty()) {  // the first method names the columns
        power.header.push_back(fmt::format("{:g}{}", need.target,
                                           report.quantity.unit.empty() ? "" : " " + report.quantity.unit));
        gain.header.push_back(power.header.back());
      }
      needs.cells.push_back({power_text(need.needed) + interval_text(need.interval)});
      gains.cells.push_back({power_text(need.gain) + interval_text(need.gain_interval)});
    }
    if (needs.cells.empty()) continue;
    power.lines.push_back(std::move(needs));
    if (c != report.reference) gain.lines.push_back(std::move(gains));
  }
  Table uses{
      "Channel uses",
      "Real symbols of a worker in a round, and the decibels of signal over noise in each, energy a round "
      "over symbols, at the smallest and the largest power.",
      {"method", "uses", "SNR, dB"},
      {}};
  for (const auto& curve : report.curves) {
    if (!curve.tuned)
      uses.lines.push_back({label(curve), {{fmt::format("{:g}", curve.symbols)}, {ratios_text(curve)}}});
  }
  for (auto* table : {&power, &gain, &uses}) {
    if (!table->lines.empty()) tables.push_back(std::move(*table));
  }
  return tables;
}

std::string to_json(const TunedReport& report) {
  Json json = {{"schema", 1},
               {"task", report.task},
               {"quantity", report.quantity.title},
               {"higher_is_better", report.quantity.higher_is_better},
               {"curves", Json::array()},
               {"needs", Json::array()}};
  for (const auto& curve : report.curves) {
    Json entry = {{"method", curve.method},
                  {"label", label(curve)},
                  {"tuned", curve.tuned},
                  {"symbols_per_round", curve.symbols},
                  {"points", Json::array()}};
    for (std::size_t i = 0; i < curve.points.size(); ++i) {
      const auto& p = curve.points[i];
      const auto interval = half_interval(p.std, static_cast<std::size_t>(p.seeds));
      entry["points"].push_back({{"power", p.power > 0 ? Json(p.power) : Json(nullptr)},
                                 {"learning_rate", curve.rates[i]},
                                 {"mean", p.mean},
                                 {"std", p.std ? Json(*p.std) : Json(nullptr)},
                                 {"interval", interval ? Json(*interval) : Json(nullptr)},
                                 {"seeds", p.seeds}});
    }
    json["curves"].push_back(std::move(entry));
  }
  json["reference"] = label(report.curves[report.reference]);
  for (const auto& need : report.needs) {
    const auto interval = [](const std::optional<Interval>& i) {
      return i ? ends(i->low, i->high) : Json(nullptr);
    };
    json["needs"].push_back({{"target", need.target},
                             {"label", label(report.curves[need.curve])},
                             {"power", ends(need.needed.low, need.needed.high)},
                             {"power_interval", interval(need.interval)},
                             {"gain", ends(need.gain.low, need.gain.high)},
                             {"gain_interval", interval(need.gain_interval)}});
  }
  json["notes"] = report.notes;
  return json.dump(1) + "\n";
}

std::string gains_to_json(const TunedReport& report) {
  Json json = {{"schema", 1},
               {"task", report.task},
               {"reference", label(report.curves[report.reference])},
               {"rows", Json::array()}};
  const double symbols = report.curves[report.reference].symbols;
  for (const auto& need : report.needs) {
    if (need.curve == report.reference) continue;
    const auto& curve = report.curves[need.curve];
    Json row = {{"method", curve.method},
                {"target", need.target},
                {"gain", need.gain.known() ? Json(need.gain.low) : Json(nullptr)}};
    const auto interval =
        need.gain_interval ? ends(need.gain_interval->low, need.gain_interval->high) : Json{nullptr, nullptr};
    row["low"] = interval[0];
    row["high"] = interval[1];
    row["symbols"] = curve.symbols;
    row["laser_symbols"] = symbols;
    row["setting"] = curve.tuned ? "tuned per power" : "one for all powers";
    if (!need.gain.known() && need.gain.low > 0) row["gain_at_least"] = need.gain.low;
    if (!need.gain.known() && std::isfinite(need.gain.high)) row["gain_at_most"] = need.gain.high;
    json["rows"].push_back(std::move(row));
  }
  return json.dump(1) + "\n";
}

}  // namespace laser
