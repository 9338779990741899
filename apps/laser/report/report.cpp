#include "laser/report/report.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/link/units.hpp"
#include "laser/report/best_rate.hpp"
#include "laser/report/comparison.hpp"
#include "laser/report/conclusion.hpp"
#include "laser/report/grouping.hpp"
#include "laser/report/methods.hpp"

namespace laser {
namespace {

template <class Select>
std::vector<double> select(const std::vector<const Run*>& runs, Select&& value) {
  return collect(runs, [&](const Run* run) -> double { return value(run->summary); });
}

Row make_row(const Group& group, const Metric& measure) {
  Row row;
  row.method = group.method;
  row.axes = group.axes;
  row.power = group.power;
  row.ratio = given_ratio(group.runs.front()->summary);
  const std::vector<double> metric = select(group.runs, measure.value);
  const Moments of_metric = moments(metric);
  const Moments of_final = moments(select(group.runs, measure.companion));
  row.seeds = static_cast<std::int64_t>(group.runs.size());
  row.mean = of_metric.mean;
  row.std = of_metric.std;
  row.interval = of_metric.interval;
  row.best = measure.higher_is_better ? *std::max_element(metric.begin(), metric.end())
                                      : *std::min_element(metric.begin(), metric.end());
  row.final_mean = of_final.mean;
  row.final_std = of_final.std;
  row.paper = find_paper_value(group.runs.front()->summary);
  row.symbols = moments(select(group.runs, [](const RunSummary& s) { return s.symbols_per_round; })).mean;
  row.dense_symbols = group.runs.front()->summary.dense_symbols;
  row.seconds = moments(select(group.runs, [](const RunSummary& s) { return s.seconds; })).mean;
  return row;
}

Curve make_curve(const Group& group, const Metric& measure) {
  Curve curve;
  curve.method = group.method;
  curve.axes = group.axes;
  curve.power = group.power;
  std::map<std::int64_t, std::vector<double>> by_epoch;
  for (const Run* run : group.runs) {
    for (const EpochRecord& record : run->epochs) by_epoch[record.epoch].push_back(measure.at_epoch(record));
  }
  for (const auto& [epoch, values] : by_epoch) {
    if (values.size() != group.runs.size()) continue;
    const Moments at_epoch = moments(values);
    curve.epochs.push_back(epoch);
    curve.mean.push_back(at_epoch.mean);
    curve.std.push_back(at_epoch.std);
    curve.interval.push_back(at_epoch.interval);
  }
  return curve;
}

// Every value that occurs, or how many where they would fill the page (start times, command lines).
std::map<std::string, std::string> summarise(const std::map<std::string, std::set<std::string>>& values) {
  constexpr std::size_t kListed = 12;
  std::map<std::string, std::string> result;
  for (const auto& [key, texts] : values) {
    std::string joined;
    for (const std::string& text : texts) joined += (joined.empty() ? "" : ", ") + text;
    result[key] = texts.size() <= kListed ? joined : fmt::format("{} different values", texts.size());
  }
  return result;
}

void collect_settings(std::span<const Run> runs, Report& report) {
  std::map<std::string, std::set<std::string>> settings;
  std::map<std::string, std::set<std::string>> versions;
  for (const Run& run : runs) {
    if (run.summary.status != "completed") continue;
    for (const auto& [key, value] : run.summary.configuration) settings[key].insert(value);
    for (const auto& [key, value] : run.versions) versions[key].insert(value);
  }
  report.settings = summarise(settings);
  report.versions = summarise(versions);
}

/// The settings of completed runs that are not what their method and task bring. Those that name the runs,
/// and a default that the records do not know, are left out.
std::vector<ChangedSetting> changed_settings(std::span<const Run> runs, const DefaultSettings& defaults) {
  static const std::set<std::string> naming = {"method", "task", "power", "seed", "data_dir", "threads"};
  std::map<std::string, std::pair<std::set<std::string>, std::set<std::string>>> changed;  // values, defaults
  std::map<std::pair<std::string, std::string>, std::map<std::string, std::string>> known;
  for (const Run& run : runs) {
    const auto& s = run.summary;
    if (s.status != "completed") continue;
    auto [usual, fresh] = known.try_emplace({s.method, s.task});
    if (fresh) usual->second = defaults(s);
    for (const auto& [name, value] : s.configuration) {
      const auto found = usual->second.find(name);
      if (found == usual->second.end() || found->second == value || naming.contains(name)) continue;
      changed[name].first.insert(value.empty() ? "empty" : value);
      changed[name].second.insert(found->second.empty() ? "empty" : found->second);
    }
  }
  std::vector<ChangedSetting> list;
  for (const auto& [name, texts] : changed)
    list.push_back({name, fmt::format("{}", fmt::join(texts.first, ", ")),
                    fmt::format("{}", fmt::join(texts.second, ", "))});
  return list;
}

void check_runs(std::span<const Run> runs, Report& report) {
  std::set<std::string> tasks;
  std::map<std::string, int> left_out;
  std::size_t completed = 0;
  for (const Run& run : runs) {
    if (run.summary.status == "completed") {
      tasks.insert(run.summary.task);
      ++completed;
    } else {
      ++left_out[run.summary.status];
    }
  }
  for (const auto& [status, count] : left_out) {
    report.notes.push_back(fmt::format("{} of {} runs {} {} and left out of all means.", count, runs.size(),
                                       count == 1 ? "is" : "are", status));
  }
  if (completed == 0) {
    fail(ExitCode::kData,
         "none of the {} runs completed. HINT: run them again, or see their 'reason' in summary.json",
         runs.size());
  }
  if (tasks.size() > 1) {
    fail(ExitCode::kData, "the runs are of different tasks ({} and {}). HINT: report each task by itself",
         *tasks.begin(), *tasks.rbegin());
  }
  report.task = *tasks.begin();
}

void note_budget(std::span<const Run> runs, std::vector<std::string>& notes) {
  double largest = 0;
  for (const Run& run : runs) {
    if (run.summary.status == "completed") largest = std::max(largest, run.summary.budget_use);
  }
  notes.push_back(fmt::format("Largest energy that a worker sent in a round, over its budget: {:.6f}{}",
                              largest,
                              largest <= 1 + 1e-6 ? " (never over 1)." : ": THE BUDGET WAS EXCEEDED."));
}

void note_seeds(const std::vector<Row>& rows, std::vector<std::string>& notes) {
  const auto fewer = [](const Row& a, const Row& b) { return a.seeds < b.seeds; };
  const std::int64_t most = std::max_element(rows.begin(), rows.end(), fewer)->seeds;
  for (const Row& row : rows) {
    if (row.seeds == most) continue;
    const std::string where = row.power ? fmt::format(" at P = {}", *row.power) : "";
    notes.push_back(fmt::format("{}{}: {} of {} seeds.", method_label(row.method, row.axes, row.power), where,
                                row.seeds, most));
  }
}

void note_paper(const Report& report, const std::vector<Group>& groups, std::vector<std::string>& notes) {
  std::set<std::string> remarks;
  std::map<std::string, std::set<double>> read_from;
  for (const Row& row : report.rows) {
    if (!row.paper) continue;
    if (row.paper->tolerance > 0.1) read_from[row.paper->source].insert(row.power.value_or(0));
    const std::string remark = paper_remark(report.task, row.method);
    if (!remark.empty()) remarks.insert(remark);
  }
  for (const auto& [source, powers] : read_from) {
    notes.push_back(
        fmt::format("The paper's values at P = {} are from its {}.", fmt::join(powers, ", "), source));
  }
  notes.insert(notes.end(), remarks.begin(), remarks.end());
  if (!has_paper_study(report.task)) return;
  std::set<std::string> others;
  for (const Group& group : groups) {
    if (!has_paper_setting(group.runs.front()->summary))
      others.insert(method_label(group.method, group.axes, 0.0));
  }
  if (others.empty()) return;
  notes.push_back(
      fmt::format("No paper value beside {}: the settings are not the paper's.", fmt::join(others, "; ")));
}

/// The paper's figure with the same settings varied, and the power needed for the values of the metric.
void add_power_needed(const std::vector<Group>& groups, Report& report) {
  std::map<std::string, std::vector<std::string>> varied;
  for (const Row& row : report.rows) {
    for (const auto& [key, value] : row.axes) varied[key].push_back(value);
  }
  const auto& first = groups.front().runs.front()->summary;
  report.paper_figure = find_paper_figure(report.task, varied);
  report.power_factor = power_factor(report.task, first.configuration);
  const bool same_model = report.paper_figure != nullptr && report.power_factor == 1;
  report.needs = power_needs(report.rows, report.metric,
                             same_model ? report.paper_figure->targets : std::vector<double>());
  if (!report.needs.empty()) report.tables.push_back(power_table(report.needs, report.metric, ""));
  if (report.paper_figure == nullptr) return;
  const auto theirs = power_needs(*report.paper_figure, report.metric);
  if (theirs.empty()) return;
  auto table = power_table(theirs, report.metric, "The paper's ");
  table.caption =
      fmt::format("By the same rules from the curves of its {}.{}", report.paper_figure->source,
                  same_model ? ""
                             : fmt::format(" Its model is larger: its power P is P / {:g} here, at "
                                           "equal power per parameter.",
                                           report.power_factor));
  report.tables.push_back(table);
}

/// The groups that the rows show: where step sizes were swept, those at the best.
std::vector<Group> at_best_rates(std::vector<Group> groups, const std::vector<Row>& rows) {
  constexpr const char* kRate = "learning_rate";
  std::erase_if(groups, [&](Group& group) {
    const auto rate = group.axes.find(kRate);
    const auto own = rate == group.axes.end() ? std::nullopt : std::optional(rate->second);
    if (own) group.axes.erase(rate);
    return std::ranges::none_of(rows, [&](const Row& row) {
      return row.method == group.method && row.axes == group.axes && row.power == group.power &&
             row.learning_rate == own;
    });
  });
  return groups;
}

/// What the rows cost in energy, transmit power and air time.
void add_three_axes(const std::vector<Group>& groups, Report& report) {
  const auto courses = courses_of(groups, report.metric);
  if (courses.size() < 2) return;
  report.fronts = axis_fronts(courses, report.metric);
  report.tables.push_back(pareto_table(courses, report.metric));
  for (auto& table : {equal_power_table(courses, report.metric), equal_air_table(courses, report.metric)}) {
    if (!table.lines.empty()) report.tables.push_back(table);
  }
  std::vector<double> targets;
  for (const auto& need : report.needs) targets.push_back(need.target);
  if (targets.empty()) return;
  if (auto table = least_table(courses, report.metric, targets); !table.lines.empty())
    report.tables.push_back(std::move(table));
}

}  // namespace

std::optional<double> Row::snr_db() const {
  if (!power || symbols <= 0) return {};
  return link::to_decibels(link::signal_to_noise_of(*power, symbols));
}

PowerColumns::PowerColumns(std::span<const Row> rows) {
  by_ratio = std::ranges::any_of(rows, [](const Row& row) { return row.power.has_value(); }) &&
             std::ranges::all_of(rows, [](const Row& row) { return !row.power || row.ratio; });
  std::set<double> sorted;
  for (const Row& row : rows) {
    if (row.power) sorted.insert(*of(row));
  }
  values.assign(sorted.begin(), sorted.end());
}

std::vector<std::string> PowerColumns::header() const {
  return collect(values, [&](double value) -> std::string {
    return by_ratio ? fmt::format("{} dB", value) : fmt::format("P = {}", value);
  });
}

Report build_report(std::span<const Run> runs, const DefaultSettings& defaults) {
  Report report;
  check_runs(runs, report);
  for (const Run& run : runs) {
    report.runs.push_back({run.folder, run.summary});
    report.notes.insert(report.notes.end(), run.warnings.begin(), run.warnings.end());
  }
  const std::vector<Group> groups = group_runs(runs, report.notes);
  report.metric = metric_of(groups.front().runs.front()->summary);
  for (const Group& group : groups) {
    report.rows.push_back(make_row(group, report.metric));
    Curve curve = make_curve(group, report.metric);
    if (!curve.epochs.empty()) report.curves.push_back(std::move(curve));
  }
  const auto rates = keep_best_rates(report);
  mark_leading(report.rows, report.metric.higher_is_better);
  note_seeds(report.rows, report.notes);
  note_paper(report, groups, report.notes);
  note_budget(runs, report.notes);
  collect_settings(runs, report);
  if (defaults) report.changed = changed_settings(runs, defaults);
  report.origin = origin_of(runs);
  report.tables = comparison_tables(report);
  if (rates) report.tables.push_back(*rates);
  add_power_needed(groups, report);
  const auto best = at_best_rates(groups, report.rows);
  add_three_axes(best, report);
  report.diagnoses = diagnoses_of(best);
  report.spectra = spectra_of(groups);
  if (!report.spectra.empty()) report.tables.push_back(spectra_table(report.spectra));
  return report;
}

}  // namespace laser
