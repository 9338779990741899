#include "laser/report/three_axes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "laser/link/units.hpp"
#include "laser/report/methods.hpp"

namespace laser {
namespace {

constexpr const char* kAxes[] = {"energy", "transmit_power", "symbols"};

double on_axis(const Spent& spent, const std::string& axis) {
  if (axis == "energy") return spent.energy;
  return axis == "symbols" ? spent.symbols : spent.transmit_power();
}

/// What a run had spent after each of its epochs.
std::map<std::int64_t, Spent> spent_by(const Run& run, const Metric& metric) {
  std::map<std::int64_t, Spent> result;
  Spent so_far;
  std::int64_t round = 0;
  for (const auto& record : run.epochs) {
    const auto rounds = static_cast<double>(record.round - round);
    round = record.round;
    double energy = 0;
    for (const double worker : record.energy) energy += worker / static_cast<double>(record.energy.size());
    so_far.energy += rounds * energy;
    so_far.symbols += rounds * record.symbols;
    so_far.value = metric.at_epoch(record);
    result[record.epoch] = so_far;
  }
  return result;
}

bool better(double a, double b, const Metric& metric) { return metric.higher_is_better ? a > b : a < b; }

/// Whether `a` leaves nothing to be said for `b`.
bool dominates(const Course& a, const Course& b, const Metric& metric) {
  if (better(b.value, a.value, metric)) return false;
  bool more = better(a.value, b.value, metric);
  for (const char* axis : kAxes) {
    const double own = on_axis(a.epochs.back(), axis), other = on_axis(b.epochs.back(), axis);
    if (own > other * (1 + 1e-9)) return false;
    more = more || own < other * (1 - 1e-9);
  }
  return more;
}

std::vector<std::string> labels_of(const std::vector<Course>& courses) {
  std::vector<std::string> labels;
  for (const auto& course : courses) {
    if (std::ranges::find(labels, course.label) == labels.end()) labels.push_back(course.label);
  }
  return labels;
}

}  // namespace

std::vector<Course> courses_of(const std::vector<Group>& groups, const Metric& metric) {
  std::vector<Course> courses;
  for (const auto& group : groups) {
    if (!group.power) continue;
    Course course;
    course.method = group.method;
    course.label = method_label(group.method, group.axes, group.power);
    course.power = *group.power;
    course.ratio = given_ratio(group.runs.front()->summary);
    std::map<std::int64_t, std::vector<Spent>> by_epoch;
    const auto seeds = static_cast<double>(group.runs.size());
    for (const Run* run : group.runs) {
      course.symbols += run->summary.symbols_per_round / seeds;
      course.value += metric.value(run->summary) / seeds;
      for (const auto& [epoch, spent] : spent_by(*run, metric)) by_epoch[epoch].push_back(spent);
    }
    for (const auto& [epoch, all] : by_epoch) {
      if (all.size() != group.runs.size()) continue;
      Spent mean;
      for (const auto& one : all) {
        mean.energy += one.energy / seeds;
        mean.symbols += one.symbols / seeds;
        mean.value += one.value / seeds;
      }
      course.epochs.push_back(mean);
    }
    const bool sent = !course.epochs.empty() && course.epochs.back().symbols > 0;
    if (sent && std::isfinite(course.value)) courses.push_back(std::move(course));
  }
  for (auto& course : courses) {
    course.undominated =
        std::ranges::none_of(courses, [&](const Course& other) { return dominates(other, course, metric); });
  }
  return courses;
}

std::vector<AxisFront> axis_fronts(const std::vector<Course>& courses, const Metric& metric) {
  std::vector<AxisFront> fronts;
  for (const char* axis : kAxes) {
    for (const auto& label : labels_of(courses)) {
      std::vector<std::pair<double, double>> points;
      AxisFront front{axis, "", label, {}, {}};
      for (const auto& course : courses) {
        if (course.label != label) continue;
        front.method = course.method;
        for (const auto& spent : course.epochs) {
          const bool last = &spent == &course.epochs.back();
          if (std::string(axis) == "transmit_power" && !last) continue;
          const double x = on_axis(spent, axis);
          if (x > 0 && std::isfinite(spent.value)) points.emplace_back(x, spent.value);
        }
      }
      std::ranges::sort(points, [&](const auto& a, const auto& b) {
        return a.first != b.first ? a.first < b.first : better(a.second, b.second, metric);
      });
      for (const auto& [x, y] : points) {
        if (!front.y.empty() && !better(y, front.y.back(), metric)) continue;
        front.x.push_back(x);
        front.y.push_back(y);
      }
      if (!front.x.empty()) fronts.push_back(std::move(front));
    }
  }
  return fronts;
}

Table pareto_table(const std::vector<Course>& courses, const Metric& metric) {
  Table table;
  table.title = "Energy, transmit power and air time";
  table.caption =
      "Of a whole run: energy that a worker sent (noise variance of a real symbol 1), real symbols on the "
      "air, and energy over symbols, the power that it takes while it has the air. Undominated: by the "
      "means, no other line "
      "is as good in all four columns and better in one.";
  table.header = {
      "Method",  metric.unit.empty() ? metric.quantity : metric.quantity + " (" + metric.unit + ")",
      "Energy",  "Transmit power, dB",
      "Symbols", "Undominated"};
  std::vector<const Course*> order;
  for (const auto& course : courses) order.push_back(&course);
  std::ranges::stable_sort(
      order, [&](const Course* a, const Course* b) { return better(a->value, b->value, metric); });
  for (const Course* course : order) {
    const auto& end = course->epochs.back();
    const auto power =
        course->ratio ? fmt::format("{:g} dB", *course->ratio) : fmt::format("P = {:g}", course->power);
    TableLine line{fmt::format("{}, {}", course->label, power), {}};
    for (const std::string& text :
         {fmt::format("{:.2f}", course->value), fmt::format("{:.3g}", end.energy),
          end.energy > 0 ? fmt::format("{:.1f}", link::to_decibels(end.transmit_power())) : std::string(),
          fmt::format("{:.3g}", end.symbols), std::string(course->undominated ? "yes" : "")})
      line.cells.push_back({text});
    table.lines.push_back(std::move(line));
  }
  return table;
}

Table equal_power_table(const std::vector<Course>& courses, const Metric& metric) {
  const auto key_of = [](const Course& course) {  // a tenth of a decibel of the budget over the symbols
    return std::lround(10 * link::to_decibels(link::signal_to_noise_of(course.power, course.symbols)));
  };
  std::map<long, std::set<double>> powers;
  std::map<long, std::set<std::string>> labels;
  for (const auto& course : courses) {
    powers[key_of(course)].insert(course.power);
    labels[key_of(course)].insert(course.label);
  }
  Table table;
  table.title = "At equal transmit power";
  table.caption = fmt::format(
      "{} of runs with the same ratio of budget to symbols, whatever their budgets and air times.",
      metric.label);
  table.header = {"Method"};
  std::vector<long> columns;
  for (const auto& [key, values] : powers) {
    if (values.size() < 2 || labels[key].size() < 2) continue;
    columns.push_back(key);
    table.header.push_back(fmt::format("{:.1f} dB", static_cast<double>(key) / 10));
  }
  if (columns.empty()) return table;
  for (const auto& label : labels_of(courses)) {
    TableLine line{label, std::vector<Cell>(columns.size())};
    for (const auto& course : courses) {
      const auto column = std::ranges::find(columns, key_of(course));
      if (course.label != label || column == columns.end()) continue;
      line.cells[static_cast<std::size_t>(column - columns.begin())].text =
          fmt::format("{:.2f}", course.value);
    }
    if (std::ranges::any_of(line.cells, [](const Cell& cell) { return !cell.text.empty(); }))
      table.lines.push_back(std::move(line));
  }
  return table;
}

Table equal_air_table(const std::vector<Course>& courses, const Metric& metric) {
  std::vector<double> times;
  for (const auto& course : courses) {
    const double time = course.epochs.back().symbols;
    const bool known =
        std::ranges::any_of(times, [&](double other) { return std::abs(other - time) <= 0.01 * time; });
    if (!known) times.push_back(time);
  }
  std::ranges::sort(times);
  Table table;
  table.title = "At equal air time";
  table.caption = fmt::format(
      "{}: the best after an epoch by which no more than so many symbols were on the air, at whatever power; "
      "'-' where the first epoch takes more.",
      metric.curve_label);
  table.header = {"Method"};
  if (times.size() < 2) return table;
  for (const double time : times) table.header.push_back(fmt::format("{:.3g} symbols", time));
  for (const auto& front : axis_fronts(courses, metric)) {
    if (front.axis != "symbols") continue;
    TableLine line{front.label, {}};
    for (const double time : times) {
      std::string text = "-";
      for (std::size_t j = 0; j < front.x.size(); ++j) {
        if (front.x[j] <= 1.01 * time) text = fmt::format("{:.2f}", front.y[j]);
      }
      line.cells.push_back({text});
    }
    table.lines.push_back(std::move(line));
  }
  return table;
}

Table least_table(const std::vector<Course>& courses, const Metric& metric,
                  const std::vector<double>& targets) {
  Table table;
  table.title = "The least that reaches a value";
  table.caption = fmt::format(
      "{}, mean over the seeds: the least energy, transmit power and symbols with which a method reaches the "
      "value, each at the power and after the epoch that take least of it: the three may be different runs.",
      metric.curve_label);
  table.header = {"Method and value", "Energy", "Transmit power, dB", "Symbols"};
  for (const double target : targets) {
    bool first = true;
    for (const auto& label : labels_of(courses)) {
      TableLine line{
          fmt::format("{} at {:g}{}{}", label, target, metric.unit.empty() ? "" : " ", metric.unit),
          {},
          false,
          first && !table.lines.empty()};
      for (const std::string axis : kAxes) {
        double least = std::numeric_limits<double>::infinity();
        for (const auto& course : courses) {
          if (course.label != label) continue;
          for (const auto& spent : course.epochs) {
            if (!better(target, spent.value, metric)) least = std::min(least, on_axis(spent, axis));
          }
        }
        std::string text = "-";
        if (std::isfinite(least)) {
          text = axis == "transmit_power" ? fmt::format("{:.1f}", link::to_decibels(least))
                                          : fmt::format("{:.3g}", least);
        }
        line.cells.push_back({text});
      }
      if (std::ranges::all_of(line.cells, [](const Cell& cell) { return cell.text == "-"; })) continue;
      first = false;
      table.lines.push_back(std::move(line));
    }
  }
  return table;
}

}  // namespace laser
