#include "compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace laser::known_answers {
namespace {

std::string text(const Json& value) {
  if (value.is_number_float()) return fmt::format("{:.17g}", value.get<double>());
  return value.dump();
}

void compare_into(const Json& got, const Json& expected, const Tolerance& tolerance, const std::string& key,
                  std::vector<Mismatch>& mismatches) {
  if (expected.is_object() && got.is_object()) {
    for (const auto& [name, value] : expected.items()) {
      const auto path = key.empty() ? name : key + "." + name;
      if (got.contains(name)) {
        compare_into(got[name], value, tolerance, path, mismatches);
      } else {
        mismatches.push_back({path, "(not computed)", text(value)});
      }
    }
  } else if (expected.is_array() && got.is_array()) {
    if (expected.size() != got.size()) {
      mismatches.push_back(
          {key, fmt::format("{} entries", got.size()), fmt::format("{} entries", expected.size())});
      return;
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
      compare_into(got[i], expected[i], tolerance, fmt::format("{}[{}]", key, i), mismatches);
    }
  } else if (expected.is_number() && got.is_number()) {
    const double target = expected.get<double>();
    const double difference = std::abs(got.get<double>() - target);
    // Written so that NaN does not pass.
    if (!(difference <= std::max(tolerance.absolute, tolerance.relative * std::abs(target)))) {
      mismatches.push_back({key, text(got), text(expected)});
    }
  } else if (got != expected) {
    mismatches.push_back({key, text(got), text(expected)});
  }
}

}  // namespace

Tolerance read_tolerance(const Json& test_case) {
  if (!test_case.contains("tolerance")) return {};
  const auto& tolerance = test_case.at("tolerance");
  return {tolerance.value("rel", 0.0), tolerance.value("abs", 0.0)};
}

std::vector<Mismatch> compare(const Json& got, const Json& expected, const Tolerance& tolerance) {
  std::vector<Mismatch> mismatches;
  compare_into(got, expected, tolerance, "", mismatches);
  return mismatches;
}

}  // namespace laser::known_answers
