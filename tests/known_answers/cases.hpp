// Cases of a file in the format of spec 9, and running one.
#pragma once

#include <string>
#include <vector>

#include "compare.hpp"
#include "kind_table.hpp"

namespace laser::known_answers {

/// The list of cases of a file. Throws Error (data) if it is not one.
[[nodiscard]] Json read_cases(const std::string& path);

/// Runs one case; returns what is wrong with it. Throws nothing that a case could bring about.
[[nodiscard]] std::vector<Mismatch> run_case(const Json& test_case, const KindTable& kinds);

}  // namespace laser::known_answers
