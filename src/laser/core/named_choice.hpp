// Choices that users make by name: a table of (name, value) pairs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"

namespace laser {

/// The names of a table of (name, value) pairs.
template <class Table>
[[nodiscard]] std::vector<std::string> choice_names(const Table& table) {
  return collect(table, [](const auto& entry) { return std::string(entry.first); });
}

/// The value called `name`. Throws Error (configuration) that says what is unknown and lists the names.
template <class Table>
[[nodiscard]] auto parse_choice(const Table& table, std::string_view what, std::string_view name) {
  std::string names;
  for (const auto& [known, value] : table) {
    if (known == name) return value;
    names += (names.empty() ? "" : ", ") + std::string(known);
  }
  fail(ExitCode::kConfiguration, "unknown {} '{}': choose one of {}", what, name, names);
}

}  // namespace laser
