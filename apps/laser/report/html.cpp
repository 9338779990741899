#include "laser/report/html.hpp"

#include <fmt/format.h>

#include <cmath>

#include "laser/report/conclusion.hpp"
#include "laser/report/methods.hpp"
#include "laser/report/report.hpp"

namespace laser {
namespace {

Table changed_table(const Report& report) {
  Table table{"Settings that are not at their defaults",
              "The defaults are those that method and task bring. All settings are listed below.",
              {"Setting", "Here", "Default"},
              {}};
  for (const auto& [name, values, usual] : report.changed) table.lines.push_back({name, {{values}, {usual}}});
  return table;
}

Table list_table(std::string title, const char* key, const std::map<std::string, std::string>& texts) {
  Table table{std::move(title), "", {key, "Value"}, {}};
  for (const auto& [name, value] : texts) table.lines.push_back({name, {{value}}});
  return table;
}

Table runs_table(const std::vector<RunEntry>& runs, const Metric& metric) {
  Table table{fmt::format("Runs ({})", runs.size()),
              "",
              {"Method", "P", "Seed", "Status", metric.heading, metric.companion_heading, "Seconds",
               "Weights", "Folder"},
              {}};
  for (const auto& [folder, summary] : runs) {
    const bool completed = summary.status == "completed";
    const auto cell = [&](double value) {
      return completed && std::isfinite(value) ? fmt::format("{:.2f}", value) : "";
    };
    table.lines.push_back(
        {method_name(summary.method),
         {{summary.power ? fmt::format("{}", *summary.power) : "noiseless"},
          {std::to_string(summary.seed)},
          {summary.status + (summary.reason.empty() ? "" : ": " + summary.reason), !completed},
          {cell(metric.value(summary))},
          {cell(metric.companion(summary))},
          {cell(summary.seconds)},
          {summary.weights_hash},
          {folder}}});
  }
  return table;
}

}  // namespace

std::string to_html(const Report& report, const std::vector<InlineFigure>& figures) {
  Table first = report.tables.front();
  Page page(
      first.title,
      fmt::format("laser report of {} {}", report.runs.size(), report.runs.size() == 1 ? "run" : "runs"),
      report.origin);
  page.conclude(conclusion(report));
  first.title = "Methods by power";
  page.add(first);
  for (const auto& figure : figures) page.add(figure);
  for (std::size_t i = 1; i < report.tables.size(); ++i) page.add(report.tables[i]);
  if (!report.diagnoses.empty()) page.fold(diagnostics_table(report.diagnoses));
  page.add_list("Notes", report.notes);
  if (!report.changed.empty()) page.add(changed_table(report));
  page.fold(list_table(fmt::format("All settings ({})", report.settings.size()), "Setting", report.settings));
  page.fold(list_table("Versions", "Key", report.versions));
  page.fold(runs_table(report.runs, report.metric));
  return page.text();
}

}  // namespace laser
