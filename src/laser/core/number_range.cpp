#include "laser/core/number_range.hpp"

#include <charconv>
#include <cmath>

#include "laser/core/fail.hpp"

namespace laser {
namespace {

constexpr std::size_t kMostPoints = 10000;

double parse_number(const std::string& name, std::string_view text) {
  double value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || text.empty()) {
    fail(ExitCode::kUsage,
         "{} has '{}', which is no number. HINT: 250, a list 1,2,4, or a range FROM:TO:log[:POINTS_A_DECADE] "
         "or FROM:TO:lin[:POINTS]",
         name, text);
  }
  return value;
}

std::vector<double> range(const std::string& name, const std::vector<std::string>& parts) {
  const double from = parse_number(name, parts[0]);
  const double to = parse_number(name, parts[1]);
  if (parts.size() == 2 && from == std::floor(from) && to == std::floor(to) && from <= to &&
      to - from < static_cast<double>(kMostPoints)) {
    std::vector<double> whole;
    for (double value = from; value <= to; ++value) whole.push_back(value);
    return whole;
  }
  const bool is_log = parts.size() > 2 && parts[2] == "log";
  if (parts.size() < 3 || parts.size() > 4 || (!is_log && parts[2] != "lin")) {
    fail(ExitCode::kUsage,
         "the range of {} is FROM:TO:log[:POINTS_A_DECADE], FROM:TO:lin[:POINTS], or FROM:TO of whole "
         "numbers. HINT: 0.1:10:log:1, 0:1:lin:5 or 1:5",
         name);
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

std::vector<std::string> split_text(const std::string& text, char separator) {
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

std::vector<double> read_numbers(const std::string& name, const std::string& text) {
  std::vector<double> values;
  for (const auto& item : split_text(text, ',')) {
    const auto parts = split_text(item, ':');
    const auto part = parts.size() == 1 ? std::vector{parse_number(name, item)} : range(name, parts);
    values.insert(values.end(), part.begin(), part.end());
  }
  return values;
}

}  // namespace laser
