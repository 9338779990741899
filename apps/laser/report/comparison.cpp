#include "laser/report/comparison.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include "laser/report/methods.hpp"
#include "laser/report/report.hpp"

namespace laser {
namespace {

std::string capitalised(std::string text) {
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

std::string row_label(const Row& row) { return method_label(row.method, row.axes, row.power); }

Cell metric_cell(const Row& row, bool mark_single) {
  std::string text = format_moments(row.mean, row.std);
  if (mark_single && row.seeds == 1) text += ", one seed";
  if (row.paper) text += fmt::format(" ({:.1f})", row.paper->value);
  return {text, row.best_at_power};
}

Cell final_cell(const Row& row) {
  return {std::isfinite(row.final_mean) ? format_moments(row.final_mean, row.final_std) : ""};
}

TableLine& line_of(std::vector<TableLine>& lines, const std::string& label, std::size_t columns) {
  const auto line =
      std::find_if(lines.begin(), lines.end(), [&](const TableLine& other) { return other.label == label; });
  if (line != lines.end()) return *line;
  lines.push_back({label, std::vector<Cell>(columns)});
  return lines.back();
}

// Which method is best at each power, as far as the intervals tell; only worth a line where
// there is a choice.
void add_best(const Report& report, Table& table) {
  const PowerColumns columns(report.rows);
  std::map<double, std::vector<std::string>> leading;
  std::map<double, int> rivals, most_seeds;
  for (const Row& row : report.rows) {
    if (!row.power) continue;
    const double column = *columns.of(row);
    ++rivals[column];
    most_seeds[column] = std::max(most_seeds[column], static_cast<int>(row.seeds));
    if (row.leading) leading[column].push_back(row_label(row));
  }
  if (std::none_of(rivals.begin(), rivals.end(), [](const auto& at) { return at.second > 1; })) return;
  TableLine line{columns.by_ratio ? "Best at this ratio" : "Best at this power", {}, false, true};
  for (const auto& [power, names] : leading) {
    constexpr std::size_t kNamed = 3;
    if (rivals[power] < 2 || most_seeds[power] < 2) {  // nobody to be better than, or nothing to tell it by
      line.cells.push_back({"–"});
      continue;
    }
    line.cells.push_back({names.size() <= kNamed ? fmt::format("{}", fmt::join(names, " or "))
                                                 : fmt::format("not told ({} methods)", names.size())});
  }
  table.lines.push_back(line);
}

std::string seeds_text(const Report& report) {
  const auto fewer = [](const Row& a, const Row& b) { return a.seeds < b.seeds; };
  const auto [least, most] = std::minmax_element(report.rows.begin(), report.rows.end(), fewer);
  if (most->seeds == 1) return "single seeds, which have no spread";
  const std::string spread = "mean ± sample standard deviation over ";
  if (least->seeds == most->seeds) return spread + fmt::format("{} seeds", most->seeds);
  return spread + fmt::format("{} to {} seeds", least->seeds, most->seeds);
}

/// "-38.9 to -18.9": the signal-to-noise ratios of a method's rows; empty without noise.
std::string ratios_text(const std::vector<Row>& rows, const std::string& label) {
  std::vector<double> ratios;
  for (const Row& row : rows) {
    if (const auto ratio = row.snr_db(); ratio && std::isfinite(*ratio) && row_label(row) == label)
      ratios.push_back(*ratio);
  }
  if (ratios.empty()) return "";
  const auto [least, most] = std::ranges::minmax(ratios);
  const auto low = fmt::format("{:.1f}", least), high = fmt::format("{:.1f}", most);
  return low == high ? low : low + " to " + high;
}

Table costs(const Report& report) {
  Table table;
  table.title = "Channel uses and time";
  table.header = {"Method", "Symbols per round", "SNR, dB", "Compression", "Seconds per run"};
  double dense = 0;
  for (const Row& row : report.rows) {
    dense = std::max(dense, row.dense_symbols);
    const std::string label = row_label(row);
    if (std::any_of(table.lines.begin(), table.lines.end(),
                    [&](const auto& line) { return line.label == label; })) {
      continue;  // the powers of a method cost the same
    }
    const std::string ratio = row.symbols > 0 ? fmt::format("{:.1f}x", row.dense_symbols / row.symbols) : "";
    table.lines.push_back({label,
                           {{fmt::format("{:.0f}", row.symbols)},
                            {ratios_text(report.rows, label)},
                            {ratio},
                            {fmt::format("{:.2f}", row.seconds)}}});
  }
  table.caption = fmt::format(
      "Real channel symbols that a worker sends in a round, the decibels of signal over noise in each "
      "(energy a round over symbols, at the smallest and the largest power), how many times fewer symbols "
      "than the {:.0f} of the whole gradient, and the wall-clock time of one run.",
      dense);
  return table;
}

}  // namespace

Table by_power(const std::vector<Row>& rows, const std::function<Cell(const Row&)>& cell_of) {
  const PowerColumns columns(rows);
  const auto& powers = columns.values;
  Table table;
  table.header = {"Method"};
  for (auto& text : columns.header()) table.header.push_back(std::move(text));
  if (powers.empty()) table.header.emplace_back("Noiseless");
  std::vector<TableLine> noiseless;
  for (const Row& row : rows) {
    if (!row.power) {
      noiseless.push_back({row_label(row), {cell_of(row)}, true, noiseless.empty() && !powers.empty()});
      continue;
    }
    const auto column =
        static_cast<std::size_t>(std::distance(powers.begin(), std::ranges::find(powers, *columns.of(row))));
    line_of(table.lines, row_label(row), powers.size()).cells[column] = cell_of(row);
  }
  table.lines.insert(table.lines.end(), noiseless.begin(), noiseless.end());
  return table;
}

std::string format_moments(double mean, const std::optional<double>& std) {
  return std ? fmt::format("{:.2f}±{:.2f}", mean, *std) : fmt::format("{:.2f}", mean);
}

std::vector<Table> comparison_tables(const Report& report) {
  const bool with_paper = std::any_of(report.rows.begin(), report.rows.end(),
                                      [](const Row& row) { return row.paper.has_value(); });
  const bool several = std::ranges::any_of(report.rows, [](const Row& row) { return row.seeds > 1; });
  Table metric = by_power(report.rows, [&](const Row& row) { return metric_cell(row, several); });
  metric.title = fmt::format("{}: {}", task_name(report.task), report.metric.label);
  metric.caption = fmt::format(
      "{} by {} (per worker and round, noise variance 1): {}; {}{}{}.", capitalised(report.metric.quantity),
      PowerColumns(report.rows).by_ratio ? "signal over noise in a symbol, power following from the symbols"
                                         : "power budget P",
      report.metric.explanation, seeds_text(report), with_paper ? " (in brackets: the paper's value)" : "",
      std::ranges::any_of(report.rows, &Row::best_at_power)
          ? "; the best of a power, bold in the page, has a 95 % interval beyond those of all others"
          : "");
  add_best(report, metric);
  std::vector<Table> tables{metric};
  const auto measured = [](const Row& row) { return std::isfinite(row.final_mean); };
  if (std::any_of(report.rows.begin(), report.rows.end(), measured)) {
    tables.push_back(by_power(report.rows, final_cell));
    tables.back().title = report.metric.companion_title;
    tables.back().caption = capitalised(seeds_text(report)) + ".";
  }
  tables.push_back(costs(report));
  return tables;
}

}  // namespace laser
