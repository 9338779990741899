// The runner of known answers must fail loudly: each case here is a file that it has to refuse or to judge.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "compare.hpp"

namespace laser::known_answers {
namespace {

struct Result {
  int code;
  std::string output;
};

Result run(const std::string& arguments) {
  const auto command = std::string(KNOWN_ANSWERS) + " " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("can't start " + command);
  std::string output;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output.push_back(static_cast<char>(c));
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

class Runner : public testing::Test {
 protected:
  Runner() : path_(testing::TempDir() + "known_answers_" + std::to_string(getpid()) + ".json") {}
  ~Runner() override { std::filesystem::remove(path_); }

  Result run_text(const std::string& text, const std::string& options = "") {
    std::ofstream(path_) << text;
    return run(options + path_);
  }

  std::string path_;
};

constexpr const char* kGood =
    R"({"name": "good", "kind": "alpha_beta", "inputs": {"m": 5, "n": 5, "P": 3}, "expected": {"alpha": 1.5}})";

std::string file_of(const std::string& cases) { return R"({"version": 1, "cases": [)" + cases + "]}"; }

TEST_F(Runner, CountsPassedAndFailed) {
  const auto good = run_text(file_of(kGood));
  EXPECT_EQ(good.code, 0);
  EXPECT_EQ(good.output, "1 passed, 0 failed\n");

  const auto mixed = run_text(file_of(std::string(kGood) + R"(,
    {"name": "wrong", "kind": "alpha_beta", "inputs": {"m": 5, "n": 5, "P": 3}, "expected": {"beta": 1.6}})"));
  EXPECT_EQ(mixed.code, 4);
  EXPECT_EQ(mixed.output, "FAILED wrong: beta: got 1.5, expected 1.6000000000000001\n1 passed, 1 failed\n");
}

TEST_F(Runner, FailsOnWhatItCannotJudge) {
  const auto expect_failure = [&](const std::string& test_case, const std::string& part) {
    const auto result = run_text(file_of(test_case));
    EXPECT_EQ(result.code, 4);
    EXPECT_NE(result.output.find(part), std::string::npos) << result.output;
    EXPECT_TRUE(result.output.ends_with("0 passed, 1 failed\n")) << result.output;
  };
  expect_failure(R"({"name": "a", "kind": "magic", "inputs": {}, "expected": {"x": 1}})",
                 "unknown kind 'magic'");
  expect_failure(R"({"name": "a", "kind": "alpha_beta", "inputs": {"m": 5}, "expected": {"alpha": 1}})",
                 "'n'");
  expect_failure(
      R"({"name": "a", "kind": "alpha_beta", "inputs": {"m": 5, "n": 5, "P": -3}, "expected": {"x": 1}})",
      "energy P is -3");
  expect_failure(
      R"({"name": "a", "kind": "alpha_beta", "inputs": {"m": 5, "n": 5, "P": 3}, "expected": {"x": 1}})",
      "x: got (not computed)");
  expect_failure(R"({"name": "a", "kind": "alpha_beta", "inputs": {"m": 5, "n": 5, "P": 3}, "expected": {}})",
                 "nothing to compare");
  expect_failure(R"({"name": "a", "inputs": {}, "expected": {"x": 1}})", "(error)");
  expect_failure("7", "FAILED (none)");
}

TEST_F(Runner, RefusesFilesThatAreNone) {
  EXPECT_EQ(run_text("{\"cases\": [").code, 4);
  EXPECT_EQ(run_text("").code, 4);
  EXPECT_EQ(run_text("[]").code, 4);
  EXPECT_EQ(run_text(file_of("")).code, 4);
  const auto missing = run("/nowhere/cases.json");
  EXPECT_EQ(missing.code, 4);
  EXPECT_NE(missing.output.find("can't read /nowhere/cases.json"), std::string::npos);
  EXPECT_EQ(run("").code, 2);
  EXPECT_EQ(run("a.json b.json").code, 2);
  EXPECT_EQ(run("--all a.json").code, 2);
}

TEST_F(Runner, OnlyChoosesKinds) {
  const auto cases = file_of(std::string(kGood) + R"(, {"name": "x", "kind": "magic"})");
  EXPECT_EQ(run_text(cases, "--only alpha_beta,policy ").output, "1 passed, 0 failed\n");
  EXPECT_EQ(run_text(cases, "--only policy ").code, 4);
}

TEST(Compare, UsesTheLargerOfBothTolerances) {
  const auto passes = [](double got, double expected, double relative, double absolute) {
    return compare({{"x", got}}, {{"x", expected}}, {relative, absolute}).empty();
  };
  EXPECT_TRUE(passes(101, 100, 0.01, 0));
  EXPECT_FALSE(passes(101.1, 100, 0.01, 0));
  EXPECT_TRUE(passes(101.1, 100, 0.01, 2));
  EXPECT_TRUE(passes(-101, -100, 0.01, 0));
  EXPECT_TRUE(passes(7, 7, 0, 0));
  EXPECT_FALSE(passes(std::numeric_limits<double>::quiet_NaN(), 7, 1, 1));
  EXPECT_FALSE(passes(std::numeric_limits<double>::infinity(), 7, 1, 1));
}

TEST(Compare, LooksIntoListsAndObjects) {
  const Json expected = {{"a", {{"b", {1, {2, 3}}}}}, {"flag", true}};
  EXPECT_TRUE(compare({{"a", {{"b", {1, {2, 3}}}}}, {"flag", true}, {"more", 1}}, expected, {}).empty());
  const auto wrong = compare({{"a", {{"b", {1, {2, 4}}}}}, {"flag", false}}, expected, {});
  ASSERT_EQ(wrong.size(), 2U);
  EXPECT_EQ(wrong[0].key, "a.b[1][1]");
  EXPECT_EQ(wrong[1].key, "flag");
  EXPECT_EQ(compare({{"a", {{"b", {1}}}}, {"flag", true}}, expected, {})[0].got, "1 entries");
  EXPECT_EQ(compare({{"a", 3}, {"flag", true}}, expected, {}).size(), 1U);
}

TEST(Compare, ReadsTolerances) {
  EXPECT_EQ(read_tolerance(Json::object()).relative, 1e-9);
  const auto given = read_tolerance({{"tolerance", {{"abs", 1e-6}}}});
  EXPECT_EQ(given.relative, 0);
  EXPECT_EQ(given.absolute, 1e-6);
}

}  // namespace
}  // namespace laser::known_answers
