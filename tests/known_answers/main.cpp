// known_answers [--only KIND,KIND...] FILE.json: runs every case of a file in the format of spec 9, prints
// the failing ones, ends with `N passed, N failed`, and exits with 0 only if all passed.
#include <fmt/format.h>

#include <cstdio>
#include <set>
#include <sstream>
#include <string_view>

#include "cases.hpp"
#include "compare.hpp"
#include "laser/core/fail.hpp"
#include "scalar_kinds.hpp"
#ifdef LASER_TENSOR_KINDS
#include "tensor_kinds.hpp"
#endif

namespace laser::known_answers {
namespace {

constexpr std::size_t kMismatchesShown = 8;  // of one case; a matrix may have thousands

KindTable all_kinds() {
  auto kinds = scalar_kinds();
#ifdef LASER_TENSOR_KINDS
  kinds.merge(tensor_kinds());
#endif
  return kinds;
}

void print_failure(const std::string& name, const std::vector<Mismatch>& mismatches) {
  for (std::size_t i = 0; i < mismatches.size() && i < kMismatchesShown; ++i) {
    fmt::print("FAILED {}: {}: got {}, expected {}\n", name, mismatches[i].key, mismatches[i].got,
               mismatches[i].expected);
  }
  if (mismatches.size() > kMismatchesShown) {
    fmt::print("FAILED {}: and {} more\n", name, mismatches.size() - kMismatchesShown);
  }
}

// Exit code of the whole file.
int run_file(const std::string& path, const std::set<std::string>& only) {
  const auto kinds = all_kinds();
  int passed = 0;
  int failed = 0;
  for (const auto& test_case : read_cases(path)) {
    const bool is_object = test_case.is_object();
    const auto text_of = [&](const char* key) {
      return is_object && test_case.contains(key) && test_case[key].is_string()
                 ? test_case[key].get<std::string>()
                 : std::string("(none)");
    };
    if (!only.empty() && !only.contains(text_of("kind"))) continue;
    const auto mismatches = run_case(test_case, kinds);
    print_failure(text_of("name"), mismatches);
    ++(mismatches.empty() ? passed : failed);
  }
  if (passed + failed == 0) fail(ExitCode::kData, "{} has no case of the kinds that --only names", path);
  fmt::print("{} passed, {} failed\n", passed, failed);
  return static_cast<int>(failed == 0 ? ExitCode::kOk : ExitCode::kData);
}

std::set<std::string> split_at_commas(const std::string& text) {
  std::set<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    if (!part.empty()) parts.insert(part);
  }
  return parts;
}

int run(int argc, char** argv) {
  std::set<std::string> only;
  std::string path;
  bool usage_ok = true;
  for (int i = 1; i < argc && usage_ok; ++i) {
    if (std::string_view(argv[i]) == "--only" && i + 1 < argc) {
      only = split_at_commas(argv[++i]);
      usage_ok = !only.empty();
    } else if (path.empty() && argv[i][0] != '-') {
      path = argv[i];
    } else {
      usage_ok = false;
    }
  }
  if (!usage_ok || path.empty())
    fail(ExitCode::kUsage, "usage: known_answers [--only KIND,KIND...] FILE.json");
  return run_file(path, only);
}

}  // namespace
}  // namespace laser::known_answers

int main(int argc, char** argv) {
  try {
    return laser::known_answers::run(argc, argv);
  } catch (const laser::Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return static_cast<int>(laser::ExitCode::kBug);
  }
}
