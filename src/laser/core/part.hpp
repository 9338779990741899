// What the tables of parts have in common: compressors, feedbacks, receivers,
// channels, allocations, server rules.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace laser {

/// A row's description of its part, read by the command's help and lists, by reports and by Python.
struct PartRow {
  std::string name;                     // as in settings
  std::string sentence;                 // what it does
  std::string source;                   // who had the idea, and where in docs/specification.md it stands
  std::vector<std::string> reads = {};  // settings that have an effect where it is chosen
};

/// Whether the row of that name reads a setting; false where there is no such row.
template <class Rows>
[[nodiscard]] bool row_reads(const Rows& rows, const std::string& name, const std::string& setting) {
  return std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
    return row.name == name && std::count(row.reads.begin(), row.reads.end(), setting) > 0;
  });
}

/// Throws Error (configuration): no row of the role has that name, and those are `known`.
[[noreturn]] void fail_unknown(const std::string& role, const std::string& name, const std::string& known);

/// The row of that name. `role` is what an error calls it. Throws Error (configuration) with the known names.
template <class Rows>
[[nodiscard]] const auto& find_row(const Rows& rows, const std::string& role, const std::string& name) {
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.name == name; });
  if (found != rows.end()) return *found;
  std::string known;
  for (const auto& row : rows) known += (known.empty() ? "" : ", ") + row.name;
  fail_unknown(role, name, known);
}

}  // namespace laser
