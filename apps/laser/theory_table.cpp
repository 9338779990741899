#include "theory_table.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>

#include "laser/core/collect.hpp"
#include "laser/core/error.hpp"
#include "laser/link/units.hpp"

namespace laser {
namespace {

constexpr std::size_t kMostPoints = 10000;

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
  const auto print_row = [&](const auto& text_of) {
    std::string line;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const auto text = text_of(c);
      line += left[c] ? fmt::format("{:<{}}  ", text, widths[c]) : fmt::format("{:>{}}  ", text, widths[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    std::cout << line << '\n';
  };
  std::cout << table.title << '\n';
  std::size_t longest = 0;
  for (const auto& fact : table.facts) longest = std::max(longest, fact.first.size());
  for (const auto& [name, value] : table.facts)
    std::cout << fmt::format("{:<{}}  {}\n", name, longest, cell_text(value));
  print_row([&](std::size_t c) { return table.columns[c]; });
  for (const auto& row : table.rows) print_row([&](std::size_t c) { return cell_text(row[c]); });
  for (const auto& note : table.notes) std::cout << note << '\n';
}

double parse_number(const std::string& name, std::string_view text) {
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || text.empty()) {
    fail(ExitCode::kUsage,
         "{} has '{}', which is no number. HINT: 250, a list 1,2,4, or a range FROM:TO:log[:POINTS_A_DECADE] "
         "or "
         "FROM:TO:lin[:POINTS]",
         name, text);
  }
  return value;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  return parts;
}

std::vector<double> range(const std::string& name, const std::vector<std::string>& parts) {
  const double from = parse_number(name, parts[0]);
  const double to = parse_number(name, parts[1]);
  const bool is_log = parts.size() > 2 && parts[2] == "log";
  if (parts.size() < 3 || parts.size() > 4 || (!is_log && parts[2] != "lin")) {
    fail(ExitCode::kUsage, "the range of {} is FROM:TO:log[:POINTS_A_DECADE] or FROM:TO:lin[:POINTS]", name);
  }
  if (!std::isfinite(from) || !std::isfinite(to) || to <= from || (is_log && from <= 0)) {
    fail(ExitCode::kUsage, "the range of {} goes from {} to {}: it must rise{}", name, from, to,
         is_log ? " and start above 0" : "");
  }
  const double points = parts.size() == 4 ? parse_number(name, parts[3]) : (is_log ? 5 : 11);
  if (!is_log && points != std::floor(points))
    fail(ExitCode::kUsage, "the range of {} has {} points: a whole number is needed", name, points);
  const double steps = is_log ? std::ceil(std::log10(to / from) * points - 1e-9) : points - 1;
  if (!(steps >= 1 && steps < static_cast<double>(kMostPoints))) {
    fail(ExitCode::kUsage, "the range of {} has {} points: 2 to {} are possible", name, steps + 1,
         kMostPoints);
  }
  std::vector<double> values;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(steps); ++i) {
    const double part = static_cast<double>(i) / steps;
    values.push_back(is_log ? from * std::pow(to / from, part) : from + (to - from) * part);
  }
  values.push_back(to);
  return values;
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
  const auto items = collect(split(text, ','), [&](const std::string& item) {
    const auto parts =
        collect(split(item, ':'), [&](const std::string& part) { return link::plain_power(name, part); });
    return fmt::format("{}", fmt::join(parts, ":"));
  });
  return parse_sweep(name, fmt::format("{}", fmt::join(items, ",")));
}

std::vector<double> parse_sweep(const std::string& name, const std::string& text) {
  std::vector<double> values;
  for (const auto& item : split(text, ',')) {
    const auto parts = split(item, ':');
    const auto part = parts.size() == 1 ? std::vector{parse_number(name, item)} : range(name, parts);
    values.insert(values.end(), part.begin(), part.end());
  }
  return values;
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
