// The best learning rate at every power, and that nothing of the others is left in the results.
#include "laser/report/best_rate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "../record/temporary_folder.hpp"
#include "laser/report/report.hpp"
#include "laser/report/summary_json.hpp"

namespace laser {
namespace {

laser::Run at_rate(const std::string& method, double power, std::uint64_t seed, const std::string& rate,
                   double accuracy) {
  auto run = example_run(example_summary(method, power, seed, accuracy));
  run.summary.configuration["learning_rate"] = rate;
  return run;
}

const Table* rates_of(const Report& report) {
  for (const auto& table : report.tables) {
    if (table.title == "Best learning rate") return &table;
  }
  return nullptr;
}

TEST(BestRate, IsChosenByTheMeanAtEveryPower) {
  std::vector<laser::Run> runs;
  for (const std::uint64_t seed : {1U, 2U}) {
    const auto s = static_cast<double>(seed);
    runs.push_back(at_rate("laser", 1, seed, "0.001", 80 + s));
    runs.push_back(at_rate("laser", 1, seed, "0.01", 85 + s));
    runs.push_back(at_rate("laser", 1, seed, "0.05", 83 + 4 * s - 6));  // one good seed is not a good mean
    runs.push_back(at_rate("laser", 10, seed, "0.001", 70 + s));
    runs.push_back(at_rate("laser", 10, seed, "0.01", 90 + s));
    runs.push_back(at_rate("laser", 10, seed, "0.05", 92 + s));
  }
  const auto report = build_report(runs);
  ASSERT_EQ(report.rows.size(), 2U);
  EXPECT_EQ(report.rows[0].mean, 86.5);
  EXPECT_EQ(report.rows[0].learning_rate, "0.01");
  EXPECT_EQ(report.rows[1].mean, 93.5);
  EXPECT_EQ(report.rows[1].learning_rate, "0.05");
  for (const auto& row : report.rows) {
    EXPECT_TRUE(row.axes.empty());
    EXPECT_TRUE(row.leading);
  }
  ASSERT_EQ(report.curves.size(), 2U);
  EXPECT_EQ(report.curves[0].mean.back(), 86.5);
  EXPECT_TRUE(report.curves[0].axes.empty());
  const auto* table = rates_of(report);
  ASSERT_NE(table, nullptr);
  EXPECT_TRUE(contains(table->caption, "by the test data")) << table->caption;
  EXPECT_EQ(table->lines.at(0).cells.at(0).text, "0.01");
  EXPECT_EQ(table->lines.at(0).cells.at(1).text, "0.05 (end)");
  EXPECT_TRUE(contains(to_json(report), "\"learning_rate\": 0.05"));
}

TEST(BestRate, OtherSweptSettingsKeepTheirRows) {
  std::vector<laser::Run> runs;
  for (const char* rank : {"2", "4"}) {
    for (const char* rate : {"0.01", "0.05"}) {
      runs.push_back(at_rate("laser", 1, 1, rate, 80 + std::atof(rank) - 10 * std::atof(rate)));
      runs.back().summary.configuration["rank"] = rank;
    }
  }
  const auto report = build_report(runs);
  ASSERT_EQ(report.rows.size(), 2U);
  EXPECT_EQ(report.rows[0].axes, (std::map<std::string, std::string>{{"rank", "2"}}));
  EXPECT_EQ(report.rows[1].learning_rate, "0.01");
}

// Two air times of a method, each with the one rate that was chosen for it elsewhere: nothing is chosen here.
TEST(BestRate, OneRateALineWasChosenBefore) {
  std::vector<laser::Run> runs;
  for (const char* rank : {"2", "4"}) {
    runs.push_back(at_rate("laser", 1, 1, rank[0] == '2' ? "0.01" : "0.05", 80));
    runs.back().summary.configuration["rank"] = rank;
    runs.back().summary.weights_hash += rank;
  }
  const auto report = build_report(runs);
  EXPECT_EQ(rates_of(report), nullptr);
  const auto table = std::ranges::find(report.tables, "Learning rate", &Table::title);
  ASSERT_NE(table, report.tables.end());
  EXPECT_TRUE(contains(table->caption, "not by their test data")) << table->caption;
  EXPECT_EQ(table->lines.at(0).cells.at(0).text, "0.01");
}

TEST(BestRate, WithoutASweepThereIsNoTable) {
  const auto report = build_report(std::vector<laser::Run>{at_rate("laser", 1, 1, "0.01", 80)});
  EXPECT_EQ(rates_of(report), nullptr);
  EXPECT_FALSE(report.rows.at(0).learning_rate.has_value());
}

}  // namespace
}  // namespace laser
