// The quick verification from end to end: it holds, its JSON and page are complete, and a number that is off
// turns the verdict and the exit code.
#include "laser/verify/verification.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "../power/expect_error.hpp"
#include "theory_verify_report.hpp"

namespace laser {
namespace {

const verify::Verification& quick() {
  static const auto result = [] {
    verify::VerificationOptions options;
    options.quick = true;
    return verify::run_verification(options, {});
  }();
  return result;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Verification, QuickRunHolds) {
  for (const auto& failed : verify::failures(quick().checks))
    ADD_FAILURE() << failed.subject << ": " << failed.quantity;
  EXPECT_TRUE(quick().holds());
  EXPECT_EQ(quick().findings.size(), 7U);
  EXPECT_EQ(quick().channel_rounds, 512);
  for (const char* group : {"channel", "channels", "recursion", "lemmas", "corrections"}) {
    EXPECT_GT(std::ranges::count_if(quick().checks, [&](const auto& c) { return c.group == group; }), 20)
        << group;
  }
  EXPECT_GT(quick().controls.size(), 20U);
  for (const auto& control : verify::missed(quick().controls))
    ADD_FAILURE() << control.name << control.subject;
  // What can fail outweighs what hardly can.
  const auto equalities =
      std::ranges::count_if(quick().checks, [](const auto& c) { return c.claim == verify::Claim::kEqual; });
  EXPECT_GT(2 * equalities, static_cast<std::int64_t>(quick().checks.size()));
}

TEST(Verification, JsonHoldsEverything) {
  const auto json = nlohmann::json::parse(to_json(quick()));
  EXPECT_EQ(json["kind"], "theory_verification");
  EXPECT_EQ(json["holds"], true);
  EXPECT_EQ(json["checks"].size(), quick().checks.size());
  EXPECT_EQ(json["controls"].size(), quick().controls.size());
  EXPECT_EQ(json["curves"].size(), quick().curves.size());
  EXPECT_EQ(json["lemmas"].size(), quick().lemmas.size());
  EXPECT_EQ(json["theorem"].size(), quick().theorem.size());
  for (const auto& row : json["lemmas"]) EXPECT_LT(row["ratio"].get<double>(), 1.01) << row;
  EXPECT_EQ(json["findings"].size(), 7U);
  for (const auto& finding : json["findings"]) {
    for (const auto& row : finding["rows"]) EXPECT_EQ(row.size(), finding["columns"].size());
  }
}

TEST(Verification, PageIsCompleteAndOffline) {
  const auto page = verification_page(quick(), {{"a caption", "<svg>drawn</svg>"}}, {});
  EXPECT_TRUE(has(page, "<svg>drawn</svg>"));
  EXPECT_FALSE(has(page, "http"));
  EXPECT_FALSE(has(page, "FAILS"));
  for (const auto& table : verification_tables(quick())) EXPECT_TRUE(has(page, escape_html(table.title)));
}

TEST(Verification, OneWrongNumberTurnsTheVerdict) {
  EXPECT_NO_THROW(require_holds(quick(), "out"));
  auto wrong = quick();
  wrong.checks[0].expected *= 2;
  EXPECT_FALSE(wrong.holds());
  expect_error([&] { require_holds(wrong, "out"); }, ExitCode::kData, "the verification failed: 1 of ");
  EXPECT_TRUE(has(verdict_text(wrong), "FAILED Z-SGD: influence factor measured"));
  EXPECT_TRUE(has(verification_page(wrong, {}, {}), "<strong>FAILS</strong>"));
  EXPECT_EQ(nlohmann::json::parse(to_json(wrong))["holds"], false);
  wrong.checks[0].expected = NAN;
  EXPECT_FALSE(wrong.holds());
}

// A mistake that is not noticed is as bad as a formula that does not hold.
TEST(Verification, AMissedControlTurnsTheVerdict) {
  auto blind = quick();
  blind.controls[0].failed = 0;
  EXPECT_FALSE(blind.holds());
  EXPECT_TRUE(verify::failures(blind.checks).empty());
  expect_error([&] { require_holds(blind, "out"); }, ExitCode::kData, "the verification is blind: 1 of ");
  EXPECT_TRUE(has(verdict_text(blind), "MISSED " + blind.controls[0].name));
  EXPECT_TRUE(has(verification_page(blind, {}, {}), "<strong>MISSED</strong>"));
  const auto json = nlohmann::json::parse(to_json(blind));
  EXPECT_EQ(json["holds"], false);
  EXPECT_EQ(json["controls"][0]["caught"], false);
}

TEST(Verification, CanBeInterrupted) {
  verify::Watch watch;
  watch.stop = [] { return true; };
  expect_error([&] { return verify::run_verification({}, watch); }, ExitCode::kInterrupted, "interrupted");
}

}  // namespace
}  // namespace laser
