// The report of a fair comparison: grouping, the reference, power needed and its tables.
#include "laser/report/tuned.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "laser/core/error.hpp"

namespace laser {
namespace {

/// Runs whose accuracy is straight over the logarithm of the power: a method needs 80 % at `power_80`, and 5
/// % more a decade.
std::vector<Run> runs_of(const std::string& method, double power_80, double rate) {
  std::vector<Run> runs;
  for (const double power : {0.1, 1.0, 10.0, 100.0}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      Run run;
      run.folder = method;
      run.summary.status = "completed";
      run.summary.method = method;
      run.summary.task = "mnist";
      run.summary.power = power;
      run.summary.seed = seed;
      run.summary.final_accuracy =
          80 + 5 * std::log10(power / power_80) + 0.1 * (static_cast<double>(seed) - 2);
      run.summary.symbols_per_round = method == "laser" ? 804 : 7850;
      run.summary.configuration["learning_rate"] = std::to_string(rate);
      runs.push_back(run);
    }
  }
  return runs;
}

std::vector<Run> together(std::vector<Run> a, const std::vector<Run>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TunedReport example() {
  const auto fixed = together(runs_of("zsgd", 20, 0.01), runs_of("laser", 4, 0.01));
  const auto tuned = together(runs_of("zsgd", 8, 0.001), runs_of("laser", 2, 0.001));
  return build_tuned_report(fixed, tuned, {80, 95});
}

// Perplexities fall: the same lines upside down, read from the records of the last epoch.
TEST(Tuned, OfAPerplexityLessIsMore) {
  auto runs = together(runs_of("zsgd", 20, 0.01), runs_of("laser", 4, 0.01));
  for (auto& run : runs) {
    run.epochs.emplace_back().perplexity = 160 - run.summary.final_accuracy;
    run.summary.final_accuracy = std::nan("");
  }
  const TunedQuantity quantity{"Perplexity", "", 1e6, false,
                               [](const EpochRecord& r) { return r.perplexity.value_or(1e6); }};
  const auto report = build_tuned_report({}, runs, {80}, quantity);
  ASSERT_EQ(report.needs.size(), 2u);
  for (const auto& need : report.needs) {
    const bool laser = report.curves[need.curve].method == "laser";
    EXPECT_NEAR(need.needed.low, laser ? 4 : 20, 1e-6);
    EXPECT_NEAR(need.gain.low, laser ? 1 : 0.2, 1e-6);
  }
  EXPECT_EQ(tuned_tables(report)[0].title, "Perplexity");
}

// Runs that were given a ratio in place of a power stand below it, whatever power it was for their method.
TEST(Tuned, ColumnsAreRatiosWhereRunsWereGivenThem) {
  auto runs = together(runs_of("zsgd", 20, 0.01), runs_of("laser", 4, 0.01));
  for (auto& run : runs) {
    const double decibels = 10 * std::log10(*run.summary.power);
    run.summary.configuration["snr_db"] = std::to_string(static_cast<int>(decibels));
    *run.summary.power *= run.summary.symbols_per_round;
  }
  auto tables = tuned_tables(build_tuned_report(runs, {}, {}));
  EXPECT_EQ(tables[0].header, (std::vector<std::string>{"method", "-10 dB", "0 dB", "10 dB", "20 dB"}));
  for (const auto& line : tables[0].lines)
    for (const auto& cell : line.cells) EXPECT_FALSE(cell.text.empty()) << line.label;
  EXPECT_EQ(tables.back().lines[0].cells[1].text, "-10.0 to 20.0");
  runs.back().summary.configuration.erase("snr_db");  // one that was given its power
  EXPECT_EQ(tuned_tables(build_tuned_report(runs, {}, {}))[0].header.size(), 9u);
}

TEST(Tuned, PowerAndGainAreThoseOfTheLines) {
  const auto report = example();
  ASSERT_EQ(report.curves.size(), 4u);
  EXPECT_EQ(report.curves[report.reference].method, "laser");
  EXPECT_TRUE(report.curves[report.reference].tuned);
  int checked = 0;
  for (const auto& need : report.needs) {
    const auto& curve = report.curves[need.curve];
    if (need.target == 95) {
      EXPECT_TRUE(std::isinf(need.needed.high)) << "no power of the grid gives 95 %";
      continue;
    }
    ++checked;
    const double expected = curve.method == "laser" ? (curve.tuned ? 2 : 4) : (curve.tuned ? 8 : 20);
    EXPECT_NEAR(need.needed.low / expected, 1, 1e-9) << curve.method;
    ASSERT_TRUE(need.interval.has_value());
    EXPECT_LT(need.interval->low, expected);
    EXPECT_GT(need.interval->high, expected);
    EXPECT_NEAR(need.gain.low, 2 / expected, 1e-9);
    EXPECT_EQ(need.gain_interval.has_value(), need.curve != report.reference);
  }
  EXPECT_EQ(checked, 4);
}

TEST(Tuned, TablesSayWhatIsKnownAndWhatIsNot) {
  const auto tables = tuned_tables(example());
  ASSERT_EQ(tables.size(), 5u);
  EXPECT_EQ(tables[2].header, (std::vector<std::string>{"method", "80 %", "95 %"}));
  EXPECT_EQ(tables[3].header, tables[2].header);
  for (const auto& line : tables[2].lines) EXPECT_EQ(line.cells.size(), 2u) << line.label;
  const auto text = to_text(tables[2]);
  EXPECT_NE(text.find("> 100"), std::string::npos) << text;
  EXPECT_NE(text.find("LASER, tuned"), std::string::npos);
  EXPECT_NE(to_text(tables[4]).find("804"), std::string::npos);
}

TEST(Tuned, ADivergedRunCountsAsZeroAndIsTold) {
  auto runs = runs_of("laser", 2, 0.1);
  runs[0].summary.status = "failed";
  runs[1].summary.status = "interrupted";
  const auto report = build_tuned_report(runs, {}, {80});
  EXPECT_EQ(report.curves[0].points[0].seeds, 2);
  EXPECT_LT(report.curves[0].points[0].mean, 50);
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_THROW(build_tuned_report({}, {}, {80}), Error);
}

TEST(Tuned, JsonHoldsTheCurvesAndMarksOpenEnds) {
  const auto json = nlohmann::json::parse(to_json(example()));
  EXPECT_EQ(json["curves"].size(), 4u);
  EXPECT_EQ(json["reference"], "LASER, tuned");
  EXPECT_TRUE(json["needs"].back()["power"][1].is_null());
}

// gain.json: a row a method, target and way of choosing the step size; the reference has none.
TEST(Tuned, GainsTellMethodSymbolsAndSetting) {
  const auto json = nlohmann::json::parse(gains_to_json(example()));
  ASSERT_EQ(json["rows"].size(), 6U);  // three curves beside tuned LASER, two targets
  int found = 0;
  for (const auto& row : json["rows"]) {
    EXPECT_EQ(row["laser_symbols"], 804);
    if (row["method"] != "zsgd" || row["target"] != 80) continue;
    ++found;
    EXPECT_EQ(row["symbols"], 7850);
    const bool tuned = row["setting"] == "tuned per power";
    EXPECT_NEAR(row["gain"].get<double>(), tuned ? 2.0 / 8 : 2.0 / 20, 1e-6);
    EXPECT_LT(row["low"].get<double>(), row["gain"].get<double>());
    EXPECT_GT(row["high"].get<double>(), row["gain"].get<double>());
  }
  EXPECT_EQ(found, 2);
}

}  // namespace
}  // namespace laser
