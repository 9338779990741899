#include "laser/report/html.hpp"

#include <fmt/format.h>

#include <cmath>

#include "laser/report/methods.hpp"

namespace laser {
namespace {

constexpr std::string_view kStyle = R"(
:root { color-scheme: light; --ink: #1c2733; --soft: #5c6b7a; --line: #dde3e9; --accent: #c1272d; }
* { box-sizing: border-box; }
body { margin: 0; background: #f3f5f7; color: var(--ink);
       font: 16px/1.55 system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.9rem; letter-spacing: -0.01em;
     border-left: 0.35rem solid var(--accent); padding-left: 0.8rem; }
.subtitle { margin: 0.4rem 0 1.6rem 1.15rem; color: var(--soft); }
section { background: #fff; border: 1px solid var(--line); border-radius: 10px;
          padding: 1.1rem 1.4rem 1.3rem; margin: 0 0 1.2rem; overflow-x: auto; }
h2 { margin: 0 0 0.5rem; font-size: 1.15rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { caption-side: bottom; text-align: left; color: var(--soft); font-size: 0.88rem;
          padding-top: 0.6rem; }
th, td { padding: 0.38rem 0.7rem; text-align: right; border-bottom: 1px solid var(--line);
         white-space: nowrap; }
th[scope="row"], th:first-child { text-align: left; font-weight: 500; }
thead th { border-bottom: 2px solid var(--ink); font-weight: 650; }
tr.apart th, tr.apart td { border-top: 2px solid var(--line); }
td.span { text-align: center; }
td strong { font-weight: 700; }
table.list th, table.list td { text-align: left; }
table.list td { overflow-wrap: anywhere; white-space: normal; }
figure { margin: 0; }
figure svg { width: 100%; height: auto; display: block; }
figcaption { color: var(--soft); font-size: 0.88rem; margin-top: 0.4rem; }
summary { cursor: pointer; font-weight: 650; font-size: 1.15rem; }
details table { margin-top: 0.7rem; font-size: 0.88rem; }
ul { margin: 0; padding-left: 1.2rem; }
.failed { color: var(--accent); }
@media print { body { background: #fff; } section { break-inside: avoid; } }
)";

std::string list_section(const std::string& title, const std::map<std::string, std::string>& texts) {
  if (texts.empty()) return "";
  std::string html =
      fmt::format("<section><details open><summary>{}</summary>\n<table class=\"list\"><tbody>\n", title);
  for (const auto& [key, value] : texts) {
    html +=
        fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", escape_html(key), escape_html(value));
  }
  return html + "</tbody></table></details></section>\n";
}

std::string notes_section(const std::vector<std::string>& notes) {
  if (notes.empty()) return "";
  std::string html = "<section><h2>Notes</h2>\n<ul>\n";
  for (const std::string& note : notes) html += "<li>" + escape_html(note) + "</li>\n";
  return html + "</ul></section>\n";
}

std::string run_line(const RunEntry& run, const Metric& metric) {
  const RunSummary& summary = run.summary;
  const bool completed = summary.status == "completed";
  const std::string status = summary.status + (summary.reason.empty() ? "" : ": " + summary.reason);
  const auto cell = [&](double value) {
    return completed && std::isfinite(value) ? fmt::format("<td>{:.2f}</td>", value) : "<td></td>";
  };
  const std::string results =
      cell(metric.value(summary)) + cell(metric.companion(summary)) + cell(summary.seconds);
  return fmt::format(
      "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td{}>{}</td>{}<td>{}</td><td>{}</td></tr>\n",
      escape_html(method_name(summary.method)),
      summary.power ? fmt::format("{}", *summary.power) : "noiseless", summary.seed,
      completed ? "" : " class=\"failed\"", escape_html(status), results, escape_html(summary.weights_hash),
      escape_html(run.folder));
}

std::string runs_section(const std::vector<RunEntry>& runs, const Metric& metric) {
  std::string html = fmt::format(
      "<section><details><summary>Runs ({})</summary>\n<table "
      "class=\"list\"><thead><tr><th>Method</th><th>P</th>"
      "<th>Seed</th><th>Status</th><th>{}</th><th>{}</th>"
      "<th>Seconds</th><th>Weights</th><th>Folder</th></tr></thead>\n<tbody>\n",
      runs.size(), metric.heading, metric.companion_heading);
  for (const RunEntry& run : runs) html += run_line(run, metric);
  return html + "</tbody></table></details></section>\n";
}

// Removes every `begin` .. `end` (both included) from the text.
void erase_all(std::string& text, std::string_view begin, std::string_view end) {
  for (std::size_t from = text.find(begin); from != std::string::npos; from = text.find(begin, from)) {
    const std::size_t to = text.find(end, from + begin.size());
    if (to == std::string::npos) return;
    text.erase(from, to + end.size() - from);
  }
}

}  // namespace

std::string inline_svg(std::string_view document) {
  const std::size_t start = document.find("<svg");
  if (start == std::string_view::npos) return "";
  std::string svg(document.substr(start));
  erase_all(svg, "<metadata", "</metadata>");
  erase_all(svg, "<!--", "-->");
  // HTML knows the name spaces of SVG and XLink by itself.
  erase_all(svg, " xmlns=\"", "\"");
  erase_all(svg, " xmlns:xlink=\"", "\"");
  return svg;
}

std::string to_html(const Report& report, const std::vector<InlineFigure>& figures) {
  const std::string title = escape_html(report.tables.front().title);
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>laser report: "
      "{}</title>\n"
      "<style>{}</style>\n</head>\n<body>\n<main>\n<h1>{}</h1>\n<p class=\"subtitle\">laser report of {} "
      "{}</p>\n",
      title, kStyle, title, report.runs.size(), report.runs.size() == 1 ? "run" : "runs");
  bool first = true;
  for (const Table& table : report.tables) {
    const std::string heading = first ? "Methods by power" : table.title;
    html += "<section><h2>" + escape_html(heading) + "</h2>\n" + to_html(table) + "</section>\n";
    if (first) {
      for (const InlineFigure& figure : figures) {
        html += fmt::format(
            "<section><figure role=\"img\" aria-label=\"{}\">\n{}\n<figcaption>{}</figcaption></figure>"
            "</section>\n",
            escape_html(figure.caption), inline_svg(figure.svg), escape_html(figure.caption));
      }
    }
    first = false;
  }
  html += notes_section(report.notes) + list_section("Settings", report.settings) +
          list_section("Versions", report.versions) + runs_section(report.runs, report.metric);
  return html + "</main>\n</body>\n</html>\n";
}

}  // namespace laser
