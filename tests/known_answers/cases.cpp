#include "cases.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "laser/core/fail.hpp"
#include "laser/core/input_file.hpp"

namespace laser::known_answers {

Json read_cases(const std::string& path) {
  constexpr std::uint64_t kMostBytes = 8u << 20;
  constexpr int kMostDepth = 16;  // matrices in inputs of cases need six
  if (!std::filesystem::exists(path))
    fail(ExitCode::kData, "can't read {}. HINT: pass the path of a file of known answers", path);
  const auto shallow = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kMostDepth) fail(ExitCode::kData, "{} is nested deeper than {} levels", path, kMostDepth);
    return true;
  };
  Json document;
  try {
    document = Json::parse(InputFile(path).text(kMostBytes), shallow);
  } catch (const Json::parse_error& error) {  // its text repeats what it read, with all the blanks
    fail(ExitCode::kData, "{} is not valid JSON: byte {}", path, error.byte);
  } catch (const Json::exception& error) {
    fail(ExitCode::kData, "{} is not valid JSON: {}", path, error.what());
  }
  if (!document.is_object() || !document.contains("cases") || !document["cases"].is_array() ||
      document["cases"].empty()) {
    fail(ExitCode::kData, "{} has no list of cases. HINT: the format is {{\"cases\": [{{name, kind, ...}}]}}",
         path);
  }
  return document["cases"];
}

std::vector<Mismatch> run_case(const Json& test_case, const KindTable& kinds) {
  try {
    const auto kind = test_case.at("kind").get<std::string>();
    const auto function = kinds.find(kind);
    if (function == kinds.end()) return {{"kind", fmt::format("unknown kind '{}'", kind), "a known kind"}};
    const auto& expected = test_case.at("expected");
    if (!expected.is_object() || expected.empty()) return {{"expected", "nothing to compare", "an object"}};
    return compare(function->second(test_case.at("inputs")), expected, read_tolerance(test_case));
  } catch (const std::exception& error) {
    return {{"(error)", error.what(), "a result"}};
  }
}

}  // namespace laser::known_answers
