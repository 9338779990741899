#include "theory_table.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/number_range.hpp"
#include "laser/link/units.hpp"
#include "terminal.hpp"

namespace laser {
namespace {

std::string cell_text(const ValueCell& cell) {
  if (cell.is_null()) return "-";
  if (cell.is_boolean()) return cell.get<bool>() ? "yes" : "no";
  if (cell.is_number_float()) return fmt::format("{:.6g}", cell.get<double>());
  if (cell.is_string()) return cell.get<std::string>();
  return cell.dump();
}

void print_text(const ValueTable& table) {
  std::vector<std::size_t> widths;
  std::vector<bool> left(table.columns.size(), false);
  for (const auto& column : table.columns) widths.push_back(column.size());
  for (const auto& row : table.rows) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], cell_text(row[c]).size());
      if (row[c].is_string()) left[c] = true;
    }
  }
  // On a terminal as many columns as it is wide, and the others below, behind the first one again.
  const auto width = isatty(STDOUT_FILENO) == 1 ? terminal_width(STDOUT_FILENO) : std::string::npos;
  const auto cell = [&](std::size_t c, const std::string& text) {
    return left[c] ? fmt::format("{:<{}}  ", text, widths[c]) : fmt::format("{:>{}}  ", text, widths[c]);
  };
  const auto print_row = [&](std::size_t first, std::size_t last, const auto& text_of) {
    auto line = cell(0, text_of(0));
    for (auto c = first; c < last; ++c) line += cell(c, text_of(c));
    line.erase(line.find_last_not_of(' ') + 1);
    std::cout << line << '\n';
  };
  std::cout << fit(table.title, width) << '\n';
  std::size_t longest = 0;
  for (const auto& fact : table.facts) longest = std::max(longest, fact.first.size());
  for (const auto& [name, value] : table.facts)
    std::cout << fit(fmt::format("{:<{}}  {}\n", name, longest, cell_text(value)), width);
  std::size_t last = std::min<std::size_t>(1, widths.size());
  while (last < widths.size() || last == 1) {
    const auto first = last;
    auto used = widths[0];
    while (last < widths.size() && (last == first || used + 2 + widths[last] <= width))
      used += 2 + widths[last++];
    if (first > 1) std::cout << '\n';
    print_row(first, last, [&](std::size_t c) { return table.columns[c]; });
    for (const auto& row : table.rows)
      print_row(first, last, [&](std::size_t c) { return cell_text(row[c]); });
    if (last == 1) break;  // there is only the one column
  }
  for (const auto& note : table.notes) std::cout << fit(note, width) << '\n';
}

}  // namespace

void ValueTable::print(bool json) const {
  if (!json) {
    print_text(*this);
    return;
  }
  nlohmann::ordered_json document = {{"title", title}};
  for (const auto& [name, value] : facts) document[name] = value;
  document["rows"] = nlohmann::ordered_json::array();
  for (const auto& row : rows) {
    auto object = nlohmann::ordered_json::object();
    for (std::size_t c = 0; c < columns.size(); ++c) object[columns[c]] = row[c];
    document["rows"].push_back(object);
  }
  for (const auto& [name, value] : summary) document["summary"][name] = value;
  document["notes"] = notes;
  std::cout << document.dump(2) << '\n';
}

std::vector<double> parse_powers(const std::string& name, const std::string& text) {
  const auto items = collect(split_text(text, ','), [&](const std::string& item) {
    const auto parts = collect(split_text(item, ':'),
                               [&](const std::string& part) { return link::plain_power(name, part); });
    return fmt::format("{}", fmt::join(parts, ":"));
  });
  return parse_sweep(name, fmt::format("{}", fmt::join(items, ",")));
}

std::vector<double> parse_sweep(const std::string& name, const std::string& text) {
  return read_numbers(name, text);
}

std::vector<std::int64_t> parse_integer_sweep(const std::string& name, const std::string& text) {
  std::vector<std::int64_t> values;
  const bool is_range = text.find(':') != std::string::npos;
  for (const double value : parse_sweep(name, text)) {
    if (!(std::abs(value) < 9e15) || (!is_range && value != std::floor(value))) {
      fail(ExitCode::kUsage, "{} has {}: an integer is needed", name, value);
    }
    const auto rounded = static_cast<std::int64_t>(std::llround(value));
    if (values.empty() || values.back() != rounded) values.push_back(rounded);
  }
  return values;
}

}  // namespace laser
