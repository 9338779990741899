#include "laser/report/conclusion.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "laser/report/comparison.hpp"
#include "laser/report/methods.hpp"
#include "laser/report/report.hpp"

namespace laser {
namespace {

/// Two digits, and whole numbers from ten on.
std::string factor_text(double value) {
  if (value < 0.95) return fmt::format("{:.2g}", value);
  return value < 9.95 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
}

bool finite(const Interval& interval) { return interval.low > 0 && std::isfinite(interval.high); }

std::string interval_text(const Interval& interval) {
  if (finite(interval))
    return fmt::format(" ({} to {})", factor_text(interval.low), factor_text(interval.high));
  if (interval.low > 0) return fmt::format(" (at least {})", factor_text(interval.low));
  return std::isfinite(interval.high) ? fmt::format(" (at most {})", factor_text(interval.high)) : "";
}

Interval inverse(const Interval& interval) {
  return {std::isinf(interval.high) ? 0 : 1 / interval.high,
          interval.low == 0 ? std::numeric_limits<double>::infinity() : 1 / interval.low};
}

/// What is known best: a gain with both ends of its interval, a gain, a bound.
int knowledge(const ToldGain& gain) {
  if (gain.gain.known()) return gain.interval && finite(*gain.interval) ? 3 : 2;
  return gain.gain.low > 0 ? 1 : 0;
}

/// "2.0 (1.8 to 2.2) times less energy"
std::string times_text(const ToldGain& told) {
  if (!told.gain.known()) return fmt::format("at least {} times less energy", factor_text(told.gain.low));
  const bool less = told.gain.low >= 1;
  const auto factor = less ? told.gain.low : 1 / told.gain.low;
  const auto interval = told.interval ? interval_text(less ? *told.interval : inverse(*told.interval)) : "";
  return fmt::format("{}{} times {} energy", factor_text(factor), interval, less ? "less" : "more");
}

std::string value_text(double value, const std::string& unit) {
  return fmt::format("{:g}{}", value, unit.empty() ? "" : " " + unit);
}

std::string range_text(std::span<const ToldGain> gains, const std::string& unit) {
  std::vector<double> targets, factors;
  for (const auto& one : gains) {
    if (!one.gain.known()) continue;
    targets.push_back(one.target);
    factors.push_back(one.gain.low);
  }
  if (factors.size() < 2) return "";
  const auto [from, to] = std::ranges::minmax(targets);
  const auto [least, most] = std::ranges::minmax(factors);
  return fmt::format("Over targets from {} to {} the factor goes from {} to {}{}.", value_text(from, unit),
                     value_text(to, unit), factor_text(least), factor_text(most),
                     least < 1 && most > 1 ? ": below 1 more energy is needed" : "");
}

/// "P = 0.1, 1" or "-20, -10 dB"
std::string columns_text(const PowerColumns& columns, const std::vector<double>& values) {
  return columns.by_ratio ? fmt::format("{} dB", fmt::join(values, ", "))
                          : fmt::format("P = {}", fmt::join(values, ", "));
}

std::string label_of(const Row& row) { return method_label(row.method, row.axes, row.power); }

std::string row_sentence(const Report& report, const Row& row) {
  const auto where = row.power ? fmt::format(" at P = {}", *row.power) : "";
  return fmt::format("{} reaches {}{} on {}{} ({}).", label_of(row), format_moments(row.mean, row.std),
                     report.metric.unit.empty() ? " " + report.metric.quantity : " " + report.metric.unit,
                     task_name(report.task), where,
                     row.seeds == 1 ? "a single seed" : fmt::format("{} seeds", row.seeds));
}

/// Who is best at which powers.
std::vector<std::string> best_sentences(const Report& report) {
  const PowerColumns columns(report.rows);
  std::vector<std::pair<std::string, std::vector<double>>> best;  // label, columns
  std::vector<double> tied;
  std::vector<std::string> single;  // what single seeds, which have no interval, show
  for (const double value : columns.values) {
    std::vector<const Row*> front, all;
    for (const Row& row : report.rows) {
      if (!row.power || *columns.of(row) != value) continue;
      all.push_back(&row);
      if (row.leading) front.push_back(&row);
    }
    if (all.size() < 2) continue;
    constexpr std::size_t kTold = 4;
    if (all.size() <= kTold && std::ranges::all_of(all, [](const Row* row) { return row->seeds == 1; })) {
      std::vector<std::string> each;
      for (const Row* row : all)
        each.push_back(fmt::format("{} {}{}", label_of(*row), format_moments(row->mean, {}),
                                   report.metric.unit.empty() ? "" : " " + report.metric.unit));
      single.push_back(fmt::format("At {}: {}.", columns_text(columns, {value}), fmt::join(each, ", ")));
      continue;
    }
    if (front.size() != 1) {
      tied.push_back(value);
      continue;
    }
    const auto label = label_of(*front[0]);
    auto found = std::ranges::find(best, label, &std::pair<std::string, std::vector<double>>::first);
    if (found == best.end()) found = best.insert(best.end(), {label, {}});
    found->second.push_back(value);
  }
  std::vector<std::string> sentences;
  for (const auto& [label, where] : best)
    sentences.push_back(fmt::format("{} is best at {}: its 95 % interval lies beyond those of all others.",
                                    label, columns_text(columns, where)));
  sentences.insert(sentences.end(), single.begin(), single.end());
  if (!tied.empty())
    sentences.push_back(
        fmt::format("At {} the seeds do not tell which method is best.", columns_text(columns, tied)));
  return sentences;
}

}  // namespace

std::vector<std::string> gain_sentences(const std::string& ours, const std::string& theirs,
                                        std::span<const ToldGain> gains, const std::string& quantity,
                                        const std::string& unit, bool higher_is_better) {
  // How well it is known: of two intervals the narrower, so that what is told does not depend on how
  // large a gain is.
  const auto less_telling = [&](const ToldGain& a, const ToldGain& b) {
    if (knowledge(a) != knowledge(b)) return knowledge(a) < knowledge(b);
    if (knowledge(a) == 3) return a.interval->high / a.interval->low > b.interval->high / b.interval->low;
    return higher_is_better ? a.target < b.target : a.target > b.target;
  };
  const auto told = std::ranges::max_element(gains, less_telling);
  if (told == gains.end() || knowledge(*told) == 0) return {};
  auto first =
      fmt::format("{} needs {} than {} at {} {}", ours, times_text(*told), theirs,
                  unit.empty() ? quantity : "an " + quantity + " of", value_text(told->target, unit));
  const bool level = told->interval && told->interval->low <= 1 && told->interval->high >= 1;
  if (!told->gain.known()) first += fmt::format(", which {} reaches with none of its powers", theirs);
  first += level ? ": no difference that the seeds tell." : ".";
  std::vector<std::string> sentences{first};
  if (const auto range = range_text(gains, unit); !range.empty()) sentences.push_back(range);
  return sentences;
}

std::vector<std::string> conclusion(const Report& report) {
  std::vector<ToldGain> gains;
  for (const auto& need : report.needs) {
    if (need.gain) gains.push_back({need.target, need.gain->between, need.gain->interval});
  }
  auto sentences = gain_sentences("LASER", "Z-SGD", gains, report.metric.quantity, report.metric.unit,
                                  report.metric.higher_is_better);
  if (!sentences.empty()) sentences.emplace_back(kWhatEnergyIs);
  const auto best = best_sentences(report);
  sentences.insert(sentences.end(), best.begin(), best.end());
  if (report.rows.size() == 1) sentences.push_back(row_sentence(report, report.rows[0]));
  const bool single = std::ranges::all_of(report.rows, [](const Row& row) { return row.seeds == 1; });
  if (single && report.rows.size() > 1)
    sentences.emplace_back("All of this is of single seeds: three make a result.");
  return sentences;
}

void mark_leading(std::vector<Row>& rows, bool higher_is_better) {
  const PowerColumns columns(rows);
  const double sign = higher_is_better ? 1 : -1;
  for (const double value : columns.values) {
    std::vector<Row*> rivals;
    for (Row& row : rows) {
      if (row.power && *columns.of(row) == value) rivals.push_back(&row);
    }
    const Row& best =
        **std::ranges::max_element(rivals, {}, [&](const Row* row) { return sign * row->mean; });
    std::size_t leading = 0;
    for (Row* row : rivals) {
      const bool apart =
          row->interval && best.interval && sign * (best.mean - row->mean) > *row->interval + *best.interval;
      row->leading = row == &best || !apart;
      leading += row->leading ? 1 : 0;
    }
    for (Row* row : rivals) row->best_at_power = row->leading && leading == 1 && rivals.size() > 1;
  }
}

}  // namespace laser
