// The gain over targets and rounds, from records whose powers are known.
#include "laser/report/gain.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "laser/core/error.hpp"

namespace laser {
namespace {

/// A run whose accuracy rises by 10 points a decade of power; Z-SGD needs `factor` times the power.
Run made(const std::string& method, double power, double rate, int seed, double factor) {
  Run run;
  run.folder = method;
  auto& s = run.summary;
  s.status = "completed";
  s.task = "mnist_mlp";
  s.method = method;
  s.power = power;
  s.seed = static_cast<std::uint64_t>(seed);
  s.epochs = 2;
  s.rounds = 200;
  s.dense_symbols = 1000;
  s.symbols_per_round = method == "laser" ? 10 : 1000;
  s.configuration["learning_rate"] = rate == 0.01 ? "0.01" : "0.02";
  for (int epoch = 1; epoch <= 2; ++epoch) {
    EpochRecord record;
    record.epoch = epoch;
    record.round = 100 * epoch;
    // At epoch 1 both need the same; the step size 0.02 costs 5 points.
    const double needed = epoch == 1 ? 1 : factor;
    record.ema_accuracy = 70 + 10 * std::log10(power / (method == "zsgd" ? needed : 1)) -
                          (rate == 0.02 ? 5 : 0) + 0.1 * (seed - 2);
    run.epochs.push_back(record);
  }
  return run;
}

std::vector<Run> grid(double factor) {
  std::vector<Run> runs;
  for (const char* method : {"laser", "zsgd"}) {
    for (const double power : {1.0, 10.0, 100.0}) {
      for (const double rate : {0.01, 0.02}) {
        for (int seed = 1; seed <= 3; ++seed) runs.push_back(made(method, power, rate, seed, factor));
      }
    }
  }
  return runs;
}

GainQuestion question(std::int64_t epoch, bool tuned, double rate) {
  GainQuestion q{epoch, tuned, {}};
  for (const char* method : {"laser", "zsgd"}) {
    for (const double power : {1.0, 10.0, 100.0}) q.rates[{method, power}] = rate;
  }
  return q;
}

double ema(const EpochRecord& record) { return record.ema_accuracy; }

TEST(Gain, IsTheRatioOfThePowersAtEqualTargetAndRound) {
  const auto runs = grid(16);
  const std::vector<GainQuestion> questions{question(1, true, 0.01), question(2, true, 0.01),
                                            question(2, false, 0.02)};
  const auto report = build_gain_report(runs, questions, {75}, ema, 0, true);
  ASSERT_EQ(report.rows.size(), 3u);
  const auto& early = report.rows[0];
  EXPECT_EQ(early.round, 100);
  EXPECT_NEAR(early.gain.low, 1, 1e-9);
  const auto& late = report.rows[1];
  EXPECT_EQ(late.round, 200);
  ASSERT_TRUE(late.gain.known());
  EXPECT_NEAR(late.laser_power.low, std::pow(10, 0.5), 1e-9);
  EXPECT_NEAR(late.gain.low, 16, 1e-9);
  ASSERT_TRUE(late.interval.has_value());
  EXPECT_LT(late.interval->low, 16);
  EXPECT_GT(late.interval->high, 16);
  EXPECT_GT(late.interval->low, 12) << "0.1 points of spread are 2 % of power";
  EXPECT_FALSE(report.rows[2].tuned);
  EXPECT_NEAR(report.rows[2].laser_power.low, 10, 1e-9) << "the other step size costs 5 points";
  const auto json = nlohmann::json::parse(to_json(report));
  EXPECT_EQ(json["ceiling"], 100);
  EXPECT_EQ(json["rows"].size(), 3u);
  for (const char* key :
       {"target", "round", "laser_power", "zsgd_power", "gain", "low", "high", "tuned", "paper"})
    EXPECT_TRUE(json["rows"][1].contains(key)) << key;
}

TEST(Gain, OneSidedKnowledgeIsNoNumber) {
  const auto runs = grid(1e6);  // Z-SGD reaches nothing
  const std::vector<GainQuestion> questions{question(2, true, 0.01)};
  const auto report = build_gain_report(runs, questions, {75, 200}, ema, 0, true);
  ASSERT_EQ(report.rows.size(), 1u) << "nobody reaches 200";
  EXPECT_FALSE(report.rows[0].gain.known());
  const auto json = nlohmann::json::parse(to_json(report));
  EXPECT_TRUE(json["rows"][0]["gain"].is_null());
  EXPECT_NEAR(json["rows"][0]["gain_at_least"].get<double>(), 100 / std::pow(10, 0.5), 1e-6);
}

TEST(Gain, ADivergedSeedMakesThePointTheWorst) {
  auto runs = grid(16);
  for (auto& run : runs) {
    if (run.summary.method == "laser" && run.summary.power == 10.0 && run.summary.seed == 2)
      run.summary.status = "failed";
  }
  const std::vector<GainQuestion> questions{question(2, true, 0.01)};
  const auto report = build_gain_report(runs, questions, {75}, ema, 0, true);
  EXPECT_EQ(report.curves[0].points[1].mean, 0);
  EXPECT_FALSE(report.curves[0].points[1].std.has_value());
  EXPECT_EQ(report.notes.size(), 2u) << "one a step size";
  EXPECT_EQ(report.rows[0].laser_power.low, 10) << "somewhere between the power that diverged and the next";
  EXPECT_EQ(report.rows[0].laser_power.high, 100);
  EXPECT_FALSE(report.rows[0].interval.has_value());
  EXPECT_TRUE(nlohmann::json::parse(to_json(report))["curves"][0]["points"][1]["mean"].is_null());
}

TEST(Gain, AMissingRunIsTold) {
  const auto runs = grid(16);
  auto q = question(2, true, 0.01);
  q.rates[{"laser", 1000.0}] = 0.01;
  const std::vector<GainQuestion> questions{q};
  EXPECT_THROW(build_gain_report(runs, questions, {75}, ema, 0, true), Error);
}

}  // namespace
}  // namespace laser
