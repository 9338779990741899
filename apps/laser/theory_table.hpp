// Tables of the theory command, as aligned text or as JSON, and the sweeps that fill their rows.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace laser {

/// Numbers, texts, yes/no, or null for "does not apply".
using ValueCell = nlohmann::ordered_json;

/// How a sweep may be written, for the help.
inline constexpr const char* kSweepHelp =
    "a number, a list 1,2,4, or FROM:TO:log (5 points a decade, more with :N)";
/// Likewise for powers.
inline constexpr const char* kPowersHelp =
    "a number or 10dB, a list 1,2,4, or FROM:TO:log (5 points a decade, more with :N)";

/// Rows of named columns with a title and remarks.
struct ValueTable {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<ValueCell>> rows;
  std::vector<std::string> notes;
  // Of the whole: only in JSON, where notes tell it
  std::vector<std::pair<std::string, ValueCell>> summary = {};
  // Of the whole: lines above the rows, and members of the JSON object itself
  std::vector<std::pair<std::string, ValueCell>> facts = {};

  /// Prints to stdout: a title, a header, one line a row (numbers to the right, six digits), the notes; or
  /// with `json` one object {title, facts, rows: [{column: value}], summary: {name: value} if there is one,
  /// notes} with all digits, where a number that is not finite is null.
  void print(bool json) const;
};

/// The values of a list such as "250", "1,2,4", "10:1e6:log" (5 points a decade), "10:1e6:log:2" (2 a
/// decade), "0:1:lin" (11 points), "0:1:lin:5". Both ends are included. Throws Error (usage) with the forms
/// that are understood.
[[nodiscard]] std::vector<double> parse_sweep(const std::string& name, const std::string& text);

/// The same for powers, which may also be in decibels: "10dB,20dB", "-10dB:30dB:log".
/// Throws Error (usage, configuration).
[[nodiscard]] std::vector<double> parse_powers(const std::string& name, const std::string& text);

/// The same for integers; points of a range are rounded and repeats dropped. Throws Error (usage).
[[nodiscard]] std::vector<std::int64_t> parse_integer_sweep(const std::string& name, const std::string& text);

}  // namespace laser
