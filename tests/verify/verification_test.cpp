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
  for (const char* group : {"channel", "convergence", "corrections"}) {
    EXPECT_GT(std::ranges::count_if(quick().checks, [&](const auto& c) { return c.group == group; }), 20)
        << group;
  }
}

TEST(Verification, JsonHoldsEverything) {
  const auto json = nlohmann::json::parse(to_json(quick()));
  EXPECT_EQ(json["kind"], "theory_verification");
  EXPECT_EQ(json["holds"], true);
  EXPECT_EQ(json["checks"].size(), quick().checks.size());
  EXPECT_EQ(json["curves"].size(), quick().points.size());
  EXPECT_EQ(json["findings"].size(), 7U);
  for (const auto& finding : json["findings"]) {
    for (const auto& row : finding["rows"]) EXPECT_EQ(row.size(), finding["columns"].size());
  }
}

TEST(Verification, PageIsCompleteAndOffline) {
  const auto page = verification_page(quick(), {{"a caption", "<svg>drawn</svg>"}});
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
  EXPECT_TRUE(has(verification_page(wrong, {}), "<strong>FAILS</strong>"));
  EXPECT_EQ(nlohmann::json::parse(to_json(wrong))["holds"], false);
  wrong.checks[0].expected = NAN;
  EXPECT_FALSE(wrong.holds());
}

TEST(Verification, CanBeInterrupted) {
  verify::Watch watch;
  watch.stop = [] { return true; };
  expect_error([&] { return verify::run_verification({}, watch); }, ExitCode::kInterrupted, "interrupted");
}

}  // namespace
}  // namespace laser
