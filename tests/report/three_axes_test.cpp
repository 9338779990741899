// Energy, transmit power and air time of runs against sums by hand: what is spent until an epoch, who is
// beaten on all axes, and what a method reaches with at most so much.
#include "laser/report/three_axes.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "../record/temporary_folder.hpp"
#include "laser/report/report.hpp"
#include "laser/report/summary_json.hpp"

namespace laser {
namespace {

/// Two epochs of 30 rounds: `symbols` a round, energies a worker and round of `energy` and half of it.
laser::Run run_of(const std::string& method, double power, std::uint64_t seed, double accuracy,
                  double symbols, double energy) {
  auto summary = example_summary(method, power, seed, accuracy);
  summary.symbols_per_round = symbols;
  auto run = example_run(std::move(summary));
  for (auto& record : run.epochs) {
    record.symbols = symbols;
    record.energy = {energy, energy / 2};
  }
  return run;
}

/// laser: 100 symbols; zsgd: 1000, the same ratio of 0 dB at ten times the power; a
/// third that loses everywhere.
const std::vector<laser::Run>& runs() {
  static const std::vector<laser::Run> all{
      run_of("laser", 100, 1, 90, 100, 80),   run_of("laser", 100, 2, 92, 100, 120),
      run_of("laser", 10, 1, 80, 100, 8),     run_of("laser", 10, 2, 82, 100, 12),
      run_of("zsgd", 1000, 1, 95, 1000, 800), run_of("zsgd", 1000, 2, 93, 1000, 1200),
      run_of("randomk", 100, 1, 70, 200, 200)};
  return all;
}

std::vector<Course> courses() {
  std::vector<std::string> notes;
  return courses_of(group_runs(runs(), notes), metric_of(runs()[0].summary));
}

const Course& find(const std::vector<Course>& all, const std::string& method, double power) {
  for (const auto& course : all)
    if (course.method == method && course.power == power) return course;
  throw std::runtime_error("no such course");
}

std::vector<std::string> texts(const TableLine& line) {
  std::vector<std::string> result{line.label};
  for (const auto& cell : line.cells) result.push_back(cell.text);
  return result;
}

TEST(ThreeAxes, SpentIsTheSumOverRoundsAndTheMeanOverWorkersAndSeeds) {
  const auto all = courses();
  ASSERT_EQ(all.size(), 4U);
  const auto& laser = find(all, "laser", 100);
  ASSERT_EQ(laser.epochs.size(), 2U);
  EXPECT_EQ(laser.epochs[0].symbols, 3000);
  EXPECT_EQ(laser.epochs[1].symbols, 6000);
  EXPECT_NEAR(laser.epochs[0].energy, 30 * 75, 1e-9);  // seeds 80 and 120, workers the whole and a half
  EXPECT_NEAR(laser.epochs[1].energy, 60 * 75, 1e-9);
  EXPECT_NEAR(laser.epochs[1].transmit_power(), 0.75, 1e-12);
  EXPECT_EQ(laser.epochs[0].value, 81);
  EXPECT_EQ(laser.value, 91);
}

TEST(ThreeAxes, WhoIsBeatenEverywhereIsNotUndominated) {
  const auto all = courses();
  EXPECT_TRUE(find(all, "laser", 100).undominated);
  EXPECT_TRUE(find(all, "laser", 10).undominated) << "it takes the least energy";
  EXPECT_TRUE(find(all, "zsgd", 1000).undominated) << "it is the most accurate";
  EXPECT_FALSE(find(all, "randomk", 100).undominated) << "LASER at P = 100 is better in all";
  const auto table = pareto_table(all, metric_of(runs()[0].summary));
  ASSERT_EQ(table.lines.size(), 4U);
  EXPECT_EQ(texts(table.lines[0]),
            (std::vector<std::string>{"Z-SGD, P = 1000", "94.00", "4.5e+04", "-1.2", "6e+04", "yes"}));
  EXPECT_EQ(table.lines.back().cells[4].text, "");
}

TEST(ThreeAxes, FrontsRiseInBoth) {
  const auto fronts = axis_fronts(courses(), metric_of(runs()[0].summary));
  ASSERT_EQ(fronts.size(), 9U);
  for (const auto& front : fronts) {
    ASSERT_EQ(front.x.size(), front.y.size());
    for (std::size_t j = 1; j < front.x.size(); ++j) {
      EXPECT_GT(front.x[j], front.x[j - 1]);
      EXPECT_GT(front.y[j], front.y[j - 1]);
    }
  }
  // LASER: 225 and 450 of energy at P = 10 reach 71 and 81, 2250 at P = 100 81 again, 4500 91.
  EXPECT_EQ(fronts[0].axis, "energy");
  EXPECT_EQ(fronts[0].method, "laser");
  EXPECT_EQ(fronts[0].y, (std::vector<double>{71, 81, 91}));
  EXPECT_NEAR(fronts[0].x[2], 4500, 1e-9);
  for (const auto& front : fronts) {
    if (front.axis == "transmit_power" && front.method == "laser") {
      EXPECT_EQ(front.y, (std::vector<double>{81, 91})) << "of whole runs alone";
    }
  }
}

TEST(ThreeAxes, EqualTransmitPowerHoldsDifferentBudgetsAgainstEachOther) {
  const auto table = equal_power_table(courses(), metric_of(runs()[0].summary));
  EXPECT_EQ(table.header, (std::vector<std::string>{"Method", "0.0 dB"}));
  ASSERT_EQ(table.lines.size(), 2U);
  EXPECT_EQ(texts(table.lines[0]), (std::vector<std::string>{"LASER", "91.00"}));
  EXPECT_EQ(texts(table.lines[1]), (std::vector<std::string>{"Z-SGD", "94.00"}));
}

TEST(ThreeAxes, EqualAirTimeCutsTheLongOnesShort) {
  const auto table = equal_air_table(courses(), metric_of(runs()[0].summary));
  EXPECT_EQ(table.header,
            (std::vector<std::string>{"Method", "6e+03 symbols", "1.2e+04 symbols", "6e+04 symbols"}));
  ASSERT_EQ(table.lines.size(), 3U);
  EXPECT_EQ(texts(table.lines[0]), (std::vector<std::string>{"LASER", "91.00", "91.00", "91.00"}));
  EXPECT_EQ(texts(table.lines[1]), (std::vector<std::string>{"Random-K", "60.00", "70.00", "70.00"}));
  EXPECT_EQ(texts(table.lines[2]), (std::vector<std::string>{"Z-SGD", "-", "-", "94.00"}));
}

TEST(ThreeAxes, TheLeastOfEachResourceMayBeOfDifferentRuns) {
  const auto table = least_table(courses(), metric_of(runs()[0].summary), {81, 99});
  ASSERT_EQ(table.lines.size(), 2U) << "nobody reaches 99, and Random-K not 81";
  EXPECT_EQ(texts(table.lines[0]), (std::vector<std::string>{"LASER at 81 %", "450", "-11.2", "3e+03"}));
  EXPECT_EQ(texts(table.lines[1]), (std::vector<std::string>{"Z-SGD at 81 %", "2.25e+04", "-1.2", "3e+04"}));
}

TEST(ThreeAxes, AReportHasThemAndOneOfOldRecordsDoesNot) {
  const auto report = build_report(runs());
  EXPECT_EQ(report.fronts.size(), 9U);
  EXPECT_TRUE(contains(to_json(report), "\"axis\": \"transmit_power\""));
  std::vector<laser::Run> old = runs();
  for (auto& run : old)
    for (auto& record : run.epochs) record.symbols = 0;
  EXPECT_TRUE(build_report(old).fronts.empty());
  EXPECT_FALSE(contains(to_json(build_report(old)), "\"axes\""));
}

TEST(ThreeAxes, WhereStepSizesWereSweptTheBestCounts) {
  std::vector<laser::Run> swept;
  for (const char* rate : {"0.1", "0.5"}) {
    for (auto run : runs()) {
      run.summary.configuration["learning_rate"] = rate;
      run.summary.weights_hash += rate;
      if (std::string(rate) == "0.5") run.summary.best_ema_accuracy -= 5;
      swept.push_back(std::move(run));
    }
  }
  const auto report = build_report(swept);
  ASSERT_EQ(report.fronts.size(), 9U);
  EXPECT_EQ(report.fronts[0].label, "LASER");
  for (const auto& table : report.tables) {
    if (table.title != "Energy, transmit power and air time") continue;
    EXPECT_EQ(table.lines.size(), 4U);
    EXPECT_EQ(table.lines[0].cells[0].text, "94.00");
  }
}

}  // namespace
}  // namespace laser
