#include "laser/report/power_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "laser/report/methods.hpp"
#include "laser/report/report.hpp"

namespace laser {
namespace {

/// The means of one method over the powers.
struct Series {
  std::string method;
  std::string label;
  PowerEstimate estimate;
};

const Series* only(const std::vector<Series>& series, const std::string& method) {
  const Series* found = nullptr;
  for (const auto& one : series) {
    if (one.method != method) continue;
    if (found != nullptr) return nullptr;
    found = &one;
  }
  return found;
}

std::vector<TargetNeed> needs_of(const std::vector<Series>& series, const Metric& metric,
                                 std::vector<double> targets) {
  if (series.empty()) return {};
  const auto* laser = only(series, "laser");
  const auto* zsgd = only(series, "zsgd");
  const bool both = laser != nullptr && zsgd != nullptr;
  if (targets.empty()) {
    const auto& a = both ? laser->estimate : series.front().estimate;
    const auto& b = both ? zsgd->estimate : series.back().estimate;
    targets = common_targets(a.points(), b.points(), metric.higher_is_better, 5);
  }
  std::vector<TargetNeed> needs;
  for (const double target : targets) {
    TargetNeed need{target, {}, {}};
    const auto on_grid = [&](const Series& one) {
      return power_on_grid(one.estimate.points(), target, metric.higher_is_better, metric.rounding);
    };
    for (const auto& one : series) {
      need.methods.push_back(
          {one.label, on_grid(one), one.estimate.needed(target), one.estimate.interval(target)});
    }
    if (both) {
      need.gain = {ratio(on_grid(*zsgd), on_grid(*laser)),
                   ratio(zsgd->estimate.needed(target), laser->estimate.needed(target)),
                   laser->estimate.gain_interval(zsgd->estimate, target)};
    }
    needs.push_back(std::move(need));
  }
  return needs;
}

/// Three digits, never as 1e+04.
std::string digits(double value) {
  if (value < 1000) return fmt::format("{:.3g}", value);
  const double unit = std::pow(10, std::floor(std::log10(value)) - 2);
  return fmt::format("{:.0f}", std::round(value / unit) * unit);
}

std::string text_of(const Bounds& bounds, const std::string& unit) {
  if (bounds.known()) return digits(bounds.low) + unit;
  if (bounds.low == 0 && std::isinf(bounds.high)) return "?";
  if (bounds.low == 0) return "≤ " + digits(bounds.high) + unit;
  if (std::isinf(bounds.high)) return "> " + digits(bounds.low) + unit;
  return digits(bounds.low) + unit + " to " + digits(bounds.high) + unit;
}

/// "64; 71 [55, 90]": by the paper's rule; between the points, with the interval.
std::string cell_text(const Bounds& grid, const Bounds& between, const std::optional<Interval>& interval,
                      const std::string& unit) {
  std::string text = text_of(grid, unit);
  if (!between.known()) return text;
  text += "; " + digits(between.low) + unit;
  if (!interval) return text;
  const auto end = [&](double value) { return std::isinf(value) ? std::string("∞") : digits(value); };
  return text + fmt::format(" [{}, {}]", end(interval->low), end(interval->high));
}

}  // namespace

std::vector<TargetNeed> power_needs(const std::vector<Row>& rows, const Metric& metric,
                                    std::vector<double> targets) {
  std::vector<std::pair<const Row*, std::vector<PowerPoint>>> lines;  // rows are ordered by power
  for (const auto& row : rows) {
    if (!row.power) continue;
    const auto same = [&](const auto& line) {
      return line.first->method == row.method && line.first->axes == row.axes;
    };
    auto line = std::find_if(lines.begin(), lines.end(), same);
    if (line == lines.end()) line = lines.insert(lines.end(), {&row, {}});
    line->second.push_back({*row.power, row.mean, row.std, row.seeds});
  }
  std::vector<Series> series;
  for (auto& [row, points] : lines) {
    if (points.size() < 2) continue;
    series.push_back({row->method, method_label(row->method, row->axes, row->power),
                      PowerEstimate(std::move(points), metric.higher_is_better, series.size() + 1)});
  }
  return needs_of(series, metric, std::move(targets));
}

std::vector<TargetNeed> power_needs(const PaperFigure& figure, const Metric& metric) {
  if (figure.x != "power") return {};
  std::vector<Series> series;
  for (const auto& curve : figure.curves) {
    std::vector<PowerPoint> points;
    for (std::size_t i = 0; i < curve.x.size(); ++i) points.push_back({curve.x[i], curve.y[i], {}, 1});
    series.push_back({curve.method, method_label(curve.method, curve.axes, 0.0),
                      PowerEstimate(std::move(points), metric.higher_is_better, 0)});
  }
  return needs_of(series, metric, figure.targets);
}

Table power_table(const std::vector<TargetNeed>& needs, const Metric& metric, const std::string& whose) {
  Table table;
  table.title =
      fmt::format("{}power needed for {} {}", whose, metric.higher_is_better ? "an" : "a", metric.quantity);
  table.title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(table.title[0])));
  table.caption = fmt::format(
      "The smallest power of the grid whose mean, rounded to {:g}, reaches the {}; after the semicolon, "
      "where the line through the means over log P first does, with its 95 % interval over the seeds where "
      "there are several. ≤: the smallest power reaches it already; >: the largest does not; bold: the "
      "interval of a gain does not hold 1.",
      metric.rounding, metric.quantity);
  table.header = {metric.quantity};
  for (const auto& method : needs.front().methods) table.header.push_back(method.label);
  const bool gains = needs.front().gain.has_value();
  if (gains) table.header.emplace_back("LASER over Z-SGD");
  for (const auto& need : needs) {
    TableLine line{fmt::format("{:g}{}", need.target, metric.unit.empty() ? "" : " " + metric.unit), {}};
    for (const auto& method : need.methods)
      line.cells.push_back({cell_text(method.grid, method.between, method.interval, "")});
    if (gains) {
      const auto& interval = need.gain->interval;
      line.cells.push_back({cell_text(need.gain->grid, need.gain->between, interval, "x"),
                            interval && (interval->low > 1 || interval->high < 1)});
    }
    table.lines.push_back(std::move(line));
  }
  return table;
}

}  // namespace laser
