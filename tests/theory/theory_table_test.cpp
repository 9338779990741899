#include "theory_table.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "../power/expect_error.hpp"

namespace laser {
namespace {

using Reals = std::vector<double>;
using Integers = std::vector<std::int64_t>;

TEST(Sweep, ReadsNumbersListsAndRanges) {
  EXPECT_EQ(parse_sweep("--power", "250"), Reals{250});
  EXPECT_EQ(parse_sweep("--power", "1,2.5,1e3"), (Reals{1, 2.5, 1000}));
  EXPECT_EQ(parse_sweep("--power", "0:1:lin:5"), (Reals{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(parse_sweep("--power", "0:1:lin").size(), 11U);
  const auto decades = parse_sweep("--power", "10:1e6:log");
  ASSERT_EQ(decades.size(), 26U);  // 5 decades of 5 points, and the last end
  EXPECT_EQ(decades.front(), 10);
  EXPECT_EQ(decades.back(), 1e6);
  EXPECT_NEAR(decades[5], 100, 1e-12);
  EXPECT_EQ(parse_sweep("--power", "10:1e6:log:1").size(), 6U);
  EXPECT_EQ(parse_sweep("--power", "1:2:log:1"), (Reals{1, 2}));
  EXPECT_EQ(parse_sweep("--power", "7,10:100:log:1").size(), 3U);
}

TEST(Sweep, RoundsIntegerRangesAndDropsRepeats) {
  EXPECT_EQ(parse_integer_sweep("--rank", "1,2,4"), (Integers{1, 2, 4}));
  EXPECT_EQ(parse_integer_sweep("--rank", "1:4:log:10"), (Integers{1, 2, 3, 4}));
}

TEST(Sweep, PowersMayBeInDecibels) {
  EXPECT_EQ(parse_powers("--power", "250,10dB,1"), (Reals{250, 10, 1}));
  EXPECT_EQ(parse_powers("--power", "0dB:20dB:log:1").size(), 3U);
  EXPECT_EQ(parse_powers("--power", "1:20dB:lin:5").back(), 100);
  for (const char* text : {"", ",1", "1,,2", "1,"})
    expect_error([&] { return parse_powers("--power", text); }, ExitCode::kUsage, "which is no number");
  expect_error([] { return parse_powers("--power", "loud dB"); }, ExitCode::kConfiguration, "decibels");
}

TEST(Sweep, RefusesWhatItCannotRead) {
  for (const char* text : {"", "abc", "1,", "1:x:log", "1 ", "0x10"}) {
    expect_error([&] { return parse_sweep("--power", text); }, ExitCode::kUsage,
                 "which is no number. HINT: 250");
  }
  EXPECT_EQ(parse_sweep("--power", "1:3"), (std::vector<double>{1, 2, 3}));
  expect_error([] { return parse_sweep("--power", "1:2.5"); }, ExitCode::kUsage, "FROM:TO:log");
  expect_error([] { return parse_sweep("--power", "1:2:exp"); }, ExitCode::kUsage, "FROM:TO:log");
  expect_error([] { return parse_sweep("--power", "1:2:log:3:4"); }, ExitCode::kUsage, "FROM:TO:log");
  expect_error([] { return parse_sweep("--power", "2:1:lin"); }, ExitCode::kUsage, "must rise");
  expect_error([] { return parse_sweep("--power", "0:1:log"); }, ExitCode::kUsage, "start above 0");
  expect_error([] { return parse_sweep("--power", "0:nan:lin"); }, ExitCode::kUsage, "must rise");
  expect_error([] { return parse_sweep("--power", "1:10:log:1e9"); }, ExitCode::kUsage,
               "2 to 10000 are possible");
  expect_error([] { return parse_sweep("--power", "1:10:lin:-1"); }, ExitCode::kUsage,
               "2 to 10000 are possible");
  expect_error([] { return parse_integer_sweep("--rank", "1.5"); }, ExitCode::kUsage, "an integer is needed");
  expect_error([] { return parse_integer_sweep("--rank", "inf"); }, ExitCode::kUsage, "an integer is needed");
}

TEST(ValueTable, PrintsAlignedTextAndExactJson) {
  const ValueTable table{
      "Title", {"name", "value"}, {{"a", 0.1}, {"long", nullptr}, {"flag", true}}, {"note"}};
  testing::internal::CaptureStdout();
  table.print(false);
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "Title\nname  value\na       0.1\nlong      -\nflag    yes\nnote\n");
  testing::internal::CaptureStdout();
  table.print(true);
  const auto document = nlohmann::json::parse(testing::internal::GetCapturedStdout());
  EXPECT_EQ(document["title"], "Title");
  EXPECT_EQ(document["rows"][0]["value"], 0.1);
  EXPECT_TRUE(document["rows"][1]["value"].is_null());
  EXPECT_EQ(document["notes"][0], "note");
}

}  // namespace
}  // namespace laser
