#include "laser/report/gain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "laser/core/fail.hpp"
#include "laser/report/comparison.hpp"
#include "laser/report/methods.hpp"
#include "laser/report/report.hpp"

namespace laser {
namespace {

using Json = nlohmann::ordered_json;

double rate_of(const Run& run) {
  const auto found = run.summary.configuration.find("learning_rate");
  return found == run.summary.configuration.end() ? 0 : std::strtod(found->second.c_str(), nullptr);
}

const EpochRecord* record_of(const Run& run, std::int64_t epoch) {
  const auto found = std::ranges::find(run.epochs, epoch, &EpochRecord::epoch);
  return found == run.epochs.end() ? nullptr : &*found;
}

/// The curves of one question, a method each.
std::vector<GainCurve> curves_of(std::span<const Run> runs, const GainQuestion& question, EpochValue value,
                                 double worst) {
  std::vector<GainCurve> curves;
  for (const auto& [key, rate] : question.rates) {
    const auto& [method, power] = key;
    std::vector<double> values;
    bool diverged = false;
    auto curve = std::ranges::find(curves, method, &GainCurve::method);
    if (curve == curves.end()) {
      curves.push_back({method, 0, question.tuned, {}, {}, 0, {}});
      curve = curves.end() - 1;
    }
    for (const auto& run : runs) {
      const auto& s = run.summary;
      if (s.method != method || s.power.value_or(0) != power || rate_of(run) != rate) continue;
      const auto* record = s.status == "failed" ? nullptr : record_of(run, question.epoch);
      values.push_back(record != nullptr ? value(*record) : worst);
      diverged |= record == nullptr || !std::isfinite(values.back());
      if (record == nullptr) continue;
      curve->round = record->round;
      curve->symbols = s.symbols_per_round;
    }
    if (values.empty()) {
      fail(ExitCode::kData, "there is no run of {} at P = {} with step size {}", method, power, rate);
    }
    const auto m = moments(values);
    const auto seeds = static_cast<std::int64_t>(values.size());
    // The spread of a method is that of runs which train.
    curve->points.push_back(diverged ? PowerPoint{power, worst, {}, seeds}
                                     : PowerPoint{power, m.mean, m.std, seeds});
    curve->rates.push_back(rate);
    curve->diverged.push_back(diverged ? 1 : 0);
  }
  return curves;
}

/// The power that a method needs for a target: between two powers, of the lower of which a run diverged,
/// nobody knows where.
Bounds needed(const GainCurve& curve, const PowerEstimate& estimate, double target) {
  const auto bounds = estimate.needed(target);
  if (!bounds.known()) return bounds;
  std::size_t above = 0;
  while (above + 1 < curve.points.size() && curve.points[above].power < bounds.low) ++above;
  if (above == 0 || curve.diverged[above - 1] == 0) return bounds;
  return {curve.points[above - 1].power, curve.points[above].power};
}

Json known(const Bounds& bounds) { return bounds.known() ? Json(bounds.low) : Json(nullptr); }

Json end(double value) { return value == 0 || std::isinf(value) ? Json(nullptr) : Json(value); }

std::string text_of(const Bounds& b) {
  if (b.known()) return fmt::format("{:.3g}", b.low);
  if (b.low == 0 && std::isinf(b.high)) return "?";
  if (b.low > 0 && !std::isinf(b.high)) return fmt::format("{:.3g} .. {:.3g}", b.low, b.high);
  return b.low == 0 ? fmt::format("<= {:.3g}", b.high) : fmt::format(">= {:.3g}", b.low);
}

std::string text_of(const std::optional<Interval>& interval) {
  if (!interval) return "";
  const auto bound = [](double value) {
    if (value == 0 || std::isinf(value)) return std::string("?");
    return value < 100 ? fmt::format("{:.2g}", value) : fmt::format("{:.0f}", value);
  };
  return bound(interval->low) + " .. " + bound(interval->high);
}

std::string grid_name(bool tuned) { return tuned ? "tuned" : "paper's grid"; }

}  // namespace

GainReport build_gain_report(std::span<const Run> runs, std::span<const GainQuestion> questions,
                             const std::vector<double>& targets, EpochValue value, double worst,
                             bool higher_is_better) {
  if (runs.empty()) fail(ExitCode::kData, "there is no run to report. HINT: the study goes on with --resume");
  GainReport report;
  const auto& first = runs.front().summary;
  report.task = first.task;
  report.origin = origin_of(runs);
  report.unit = first.perplexity ? "" : "%";
  report.higher_is_better = higher_is_better;
  report.parameters = first.dense_symbols;
  for (const auto& run : runs) {
    report.rounds = std::max(report.rounds, run.summary.rounds);
    report.lag = std::max(report.lag, run.summary.memory_lag.value_or(0));
    if (run.summary.status == "failed")
      report.notes.push_back(fmt::format("{} diverged: {}", run.folder, run.summary.reason));
  }
  std::uint64_t stream = 0;
  for (const auto& question : questions) {
    const auto curves = curves_of(runs, question, value, worst);
    report.curves.insert(report.curves.end(), curves.begin(), curves.end());
    const auto laser = std::ranges::find(curves, "laser", &GainCurve::method);
    const auto zsgd = std::ranges::find(curves, "zsgd", &GainCurve::method);
    stream += 2;
    if (laser == curves.end() || zsgd == curves.end()) continue;
    report.symbols = std::max(report.symbols, laser->symbols);
    const PowerEstimate ours(laser->points, higher_is_better, stream - 1),
        theirs(zsgd->points, higher_is_better, stream);
    for (const double target : targets) {
      const auto under = needed(*laser, ours, target), over = needed(*zsgd, theirs, target);
      if (std::isinf(under.high) || (under.low == 0 && over.low == 0))
        continue;  // nothing is known of the ratio
      report.rows.push_back(
          {target, std::max(laser->round, zsgd->round), question.tuned, under, over, ratio(over, under),
           under.known() && over.known() ? ours.gain_interval(theirs, target) : std::nullopt});
    }
  }
  return report;
}

std::vector<Table> gain_tables(const GainReport& report) {
  std::vector<Table> tables;
  Table gain{"Power that Z-SGD needs, over LASER's",
             "for the same target after the same number of rounds; 95 % intervals over the seeds",
             {"target", "round", "step sizes", "LASER", "Z-SGD", "gain", "95 %"},
             {}};
  for (const auto& row : report.rows) {
    TableLine line{fmt::format("{:g}{}", row.target, report.unit.empty() ? "" : " " + report.unit), {}};
    for (const auto& cell : {fmt::format("{}", row.round), grid_name(row.tuned), text_of(row.laser_power),
                             text_of(row.zsgd_power), text_of(row.gain), text_of(row.interval)})
      line.cells.push_back({cell});
    gain.lines.push_back(std::move(line));
  }
  tables.push_back(std::move(gain));
  Table values{"Values by power",
               "mean and deviation over the seeds; in brackets the step size",
               {"method", "round", "step sizes", "P", "value", "step size", "seeds"},
               {}};
  for (const auto& curve : report.curves) {
    for (std::size_t i = 0; i < curve.points.size(); ++i) {
      const auto& point = curve.points[i];
      TableLine line{method_name(curve.method), {}};
      for (const auto& cell :
           {fmt::format("{}", curve.round), grid_name(curve.tuned), fmt::format("{:g}", point.power),
            curve.diverged[i] != 0 ? "diverged" : format_moments(point.mean, point.std),
            fmt::format("{:g}", curve.rates[i]), fmt::format("{}", point.seeds)})
        line.cells.push_back({cell});
      values.lines.push_back(std::move(line));
    }
  }
  tables.push_back(std::move(values));
  return tables;
}

std::string to_json(const GainReport& report) {
  Json json = Json::object();
  json["schema"] = 1;
  json["task"] = report.task;
  json["unit"] = report.unit;
  json["higher_is_better"] = report.higher_is_better;
  json["rounds"] = report.rounds;
  json["parameters"] = report.parameters;
  json["symbols"] = report.symbols;
  json["ceiling"] = report.symbols > 0 ? Json(report.parameters / report.symbols) : Json(nullptr);
  json["lag"] = end(report.lag);
  json["rows"] = Json::array();
  for (const auto& row : report.rows) {
    Json line{{"target", row.target},
              {"round", row.round},
              {"laser_power", known(row.laser_power)},
              {"zsgd_power", known(row.zsgd_power)},
              {"gain", known(row.gain)},
              {"low", row.interval ? end(row.interval->low) : Json(nullptr)},
              {"high", row.interval ? end(row.interval->high) : Json(nullptr)},
              {"tuned", row.tuned},
              {"paper", nullptr}};
    if (!row.gain.known() && row.gain.low > 0) line["gain_at_least"] = row.gain.low;
    if (!row.gain.known() && !std::isinf(row.gain.high)) line["gain_at_most"] = row.gain.high;
    json["rows"].push_back(std::move(line));
  }
  json["curves"] = Json::array();
  for (const auto& curve : report.curves) {
    Json points = Json::array();
    for (std::size_t i = 0; i < curve.points.size(); ++i) {
      const auto& point = curve.points[i];
      const auto interval = half_interval(point.std, static_cast<std::size_t>(point.seeds));
      points.push_back({{"power", point.power},
                        {"mean", curve.diverged[i] != 0 ? Json(nullptr) : Json(point.mean)},
                        {"std", point.std ? Json(*point.std) : Json(nullptr)},
                        {"interval", interval ? Json(*interval) : Json(nullptr)},
                        {"seeds", point.seeds},
                        {"rate", curve.rates[i]}});
    }
    json["curves"].push_back({{"method", curve.method},
                              {"round", curve.round},
                              {"tuned", curve.tuned},
                              {"symbols", curve.symbols},
                              {"points", std::move(points)}});
  }
  json["notes"] = report.notes;
  return json.dump(2) + "\n";
}

}  // namespace laser
