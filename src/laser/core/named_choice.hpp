// Choices that users make by name: a table of (name, value) pairs read in both directions.
#pragma once

#include <string>
#include <string_view>

#include "laser/core/error.hpp"

namespace laser {

/// The name of `value` in a table of (name, value) pairs that holds every value.
template <class Table, class Value>
[[nodiscard]] std::string_view choice_name(const Table& table, Value value) {
  for (const auto& [name, known] : table) {
    if (known == value) return name;
  }
  LASER_CHECK(false);
  return {};
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
