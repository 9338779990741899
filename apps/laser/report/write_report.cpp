#include "laser/report/write_report.hpp"

#include <fmt/format.h>

#include "laser/core/atomic_file.hpp"
#include "laser/report/conclusion.hpp"
#include "laser/report/figures.hpp"
#include "laser/report/html.hpp"
#include "laser/report/report.hpp"
#include "laser/report/summary_json.hpp"

namespace laser {
namespace {

void add_list(std::string& text, const std::string& title, const std::map<std::string, std::string>& texts) {
  if (texts.empty()) return;
  Table table;
  table.title = title;
  table.header = {"Key", "Value"};
  for (const auto& [key, value] : texts) table.lines.push_back({key, {{value}}});
  text += '\n';
  text += to_markdown(table);
}

std::string report_markdown(const Report& report) {
  std::string text;
  for (const auto& sentence : conclusion(report)) text += escape_markdown(sentence) + "\n\n";
  for (const Table& table : report.tables) {
    if (&table != &report.tables.front()) text += '\n';
    text += to_markdown(table);
  }
  if (!report.notes.empty()) text += "\n### Notes\n\n";
  for (const std::string& note : report.notes) text += fmt::format("- {}\n", escape_markdown(note));
  add_list(text, "Settings", report.settings);
  add_list(text, "Versions", report.versions);
  return text;
}

std::string report_text(const Report& report) {
  std::string text;
  for (const auto& sentence : conclusion(report)) text += wrap(sentence, "") + "\n";
  if (!text.empty()) text += "\n";
  text += to_text(report.tables.front());
  if (!report.notes.empty()) text += "\n";
  for (const std::string& note : report.notes) text += wrap("- " + note, "  ") + "\n";
  return text;
}

}  // namespace

std::string write_report(const std::vector<Run>& runs, const std::string& out_folder,
                         const ReportOptions& options) {
  const Report report = build_report(runs, options.defaults);
  create_folders(out_folder);
  const std::string summary_path = out_folder + "/summary.json";
  write_file_atomically(summary_path, to_json(report));
  write_file_atomically(out_folder + "/table.md", report_markdown(report));

  const auto drawing =
      draw_figures(report_figures(report), options.python, options.figures_script, summary_path, out_folder);
  write_file_atomically(out_folder + "/report.html", to_html(report, drawing.figures));

  std::string text = report_text(report);
  if (!drawing.reason.empty()) text += "\n" + drawing.reason + "\n";
  const auto written = "table.md summary.json report.html" + drawing.files;
  return text + fmt::format("\nWritten to {}:\n  {}\n", out_folder, wrap(written, "  "));
}

}  // namespace laser
