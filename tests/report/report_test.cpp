// Grouping, means and spreads against numbers worked out by hand, and what is left out and said.
#include "laser/report/report.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <tuple>

#include "../record/temporary_folder.hpp"
#include "laser/report/comparison.hpp"
#include "laser/report/methods.hpp"
#include "laser/report/summary_json.hpp"

namespace laser {
namespace {

using Runs = std::vector<laser::Run>;

laser::Run run_of(const std::string& method, std::optional<double> power, std::uint64_t seed,
                  double accuracy) {
  return example_run(example_summary(method, power, seed, accuracy));
}

laser::Run with(laser::Run run, const std::string& key, const std::string& value) {
  run.summary.configuration[key] = value;
  return run;
}

const Row& row_at(const Report& report, const std::string& method, std::optional<double> power) {
  const auto row = std::find_if(report.rows.begin(), report.rows.end(),
                                [&](const Row& r) { return r.method == method && r.power == power; });
  LASER_CHECK(row != report.rows.end());
  return *row;
}

bool has_note(const Report& report, const std::string& part) {
  return std::any_of(report.notes.begin(), report.notes.end(),
                     [&](const std::string& note) { return contains(note, part); });
}

TEST(Moments, ByHand) {
  const std::vector<double> values = {84, 85, 87};
  EXPECT_NEAR(moments(values).mean, 85.333333333333333, 1e-12);
  EXPECT_NEAR(moments(values).std.value(), 1.527525231651947, 1e-12);  // sqrt(14/3/2)
  EXPECT_FALSE(moments(std::vector<double>{84}).std.has_value());
  EXPECT_EQ(moments(std::vector<double>{84, 84}).std, 0);
}

TEST(BuildReport, AveragesOverTheSeedsOfAMethodAndPower) {
  const Runs runs = {run_of("laser", 0.1, 2, 85), run_of("zsgd", 0.1, 1, 81),
                     run_of("laser", 0.1, 1, 84), run_of("laser", 1, 1, 90),
                     run_of("laser", 0.1, 3, 87), run_of("sgd", std::nullopt, 1, 92)};
  const Report report = build_report(runs);
  ASSERT_EQ(report.rows.size(), 4U);
  const Row& row = row_at(report, "laser", 0.1);
  EXPECT_EQ(row.seeds, 3);
  EXPECT_NEAR(row.mean, 85.333333333333333, 1e-12);
  EXPECT_NEAR(row.std.value(), 1.527525231651947, 1e-12);
  EXPECT_EQ(row.best, 87);
  EXPECT_NEAR(row.final_mean, 84.333333333333333, 1e-12);
  EXPECT_NEAR(row.final_std.value(), 1.527525231651947, 1e-12);
  EXPECT_EQ(row.paper.value().value, 84.3);
  EXPECT_NEAR(row.interval.value(), 3.795, 1e-3);  // 4.303 standard errors
  EXPECT_TRUE(row.leading);
  EXPECT_FALSE(row.best_at_power) << "Z-SGD has one seed: who knows";
  EXPECT_TRUE(row_at(report, "zsgd", 0.1).leading);
  EXPECT_FALSE(row_at(report, "sgd", std::nullopt).best_at_power);
  EXPECT_TRUE(has_note(report, "LASER at P = 1: 1 of 3 seeds."));
}

TEST(BuildReport, CurvesAverageTheEpochsThatAllSeedsHave) {
  Runs runs = {run_of("laser", 1, 1, 90), run_of("laser", 1, 2, 92)};
  runs[0].epochs.push_back(example_epoch(3, 91));
  const Report report = build_report(runs);
  ASSERT_EQ(report.curves.size(), 1U);
  EXPECT_EQ(report.curves[0].epochs, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(report.curves[0].mean, (std::vector<double>{81, 91}));
  EXPECT_NEAR(report.curves[0].std[1].value(), std::sqrt(2.0), 1e-12);
}

/// A completed run of a language model, its perplexity falling to `perplexity`.
laser::Run language_run(const std::string& method, double power, std::uint64_t seed, double perplexity) {
  auto run = run_of(method, power, seed, std::nan(""));
  run.summary.task = "wikitext2";
  run.summary.weights_hash += std::to_string(perplexity);
  run.summary.perplexity = perplexity;
  run.summary.configuration["width"] = "64";
  for (auto& record : run.epochs) record.perplexity = record.epoch == 1 ? 2 * perplexity : perplexity;
  return run;
}

TEST(BuildReport, OfLanguageModelsTheLowerPerplexityIsBetter) {
  Runs runs;
  for (std::uint64_t seed : {1, 2}) {
    const double shift = seed == 1 ? -1 : 1;
    for (const auto& [power, laser, zsgd] :
         {std::tuple{10.0, 80.0, 120.0}, {40.0, 60.0, 100.0}, {160.0, 50.0, 70.0}}) {
      runs.push_back(language_run("laser", power, seed, laser + shift));
      runs.push_back(language_run("zsgd", power, seed, zsgd + shift));
    }
  }
  const Report report = build_report(runs);
  EXPECT_EQ(report.metric.name, "perplexity");
  const Row& laser = row_at(report, "laser", 40);
  EXPECT_NEAR(laser.mean, 60, 1e-12);
  EXPECT_EQ(laser.best, 59);
  EXPECT_TRUE(laser.best_at_power);
  EXPECT_FALSE(row_at(report, "zsgd", 40).best_at_power);
  EXPECT_EQ(report.curves.front().mean, (std::vector<double>{160, 80}));
  EXPECT_EQ(report.power_factor, 144) << "a twelfth of the paper's width";
  ASSERT_NE(report.paper_figure, nullptr);
  EXPECT_EQ(report.paper_figure->source, "Figure 1");
  // Both reach 70 within their grids: LASER at 40, Z-SGD at 160. 80, where LASER begins, would
  // only be a bound.
  const auto need = std::find_if(report.needs.begin(), report.needs.end(),
                                 [](const TargetNeed& one) { return one.target == 70; });
  ASSERT_NE(need, report.needs.end());
  EXPECT_EQ(need->gain->grid.low, 4);
  EXPECT_EQ(report.tables[0].title, "WikiText-2: Validation perplexity");
  EXPECT_NE(report.tables[1].title, report.metric.companion_title) << "no run has seen the whole text";
  const auto json = to_json(report);
  EXPECT_TRUE(contains(json, "\"higher_is_better\": false")) << json;
  EXPECT_TRUE(contains(json, "\"best_ema_accuracy\": null")) << json;

  for (auto& run : runs) run.summary.split_perplexity = *run.summary.perplexity + 2;
  const Report whole = build_report(runs);
  EXPECT_EQ(whole.tables[1].title, "Perplexity over the whole validation text");
  EXPECT_NEAR(row_at(whole, "laser", 40).final_mean, 62, 1e-12);
}

TEST(BuildReport, OneSeedHasNoSpread) {
  const Report report = build_report(Runs{run_of("laser", 1, 1, 90)});
  EXPECT_FALSE(report.rows.at(0).std.has_value());
  EXPECT_EQ(report.tables.at(0).lines.at(0).cells.at(0).text, "90.00 (89.9)");
  EXPECT_TRUE(contains(report.tables.at(0).caption, "single seeds"));
  EXPECT_EQ(report.tables.at(0).lines.size(), 1U);  // nothing to be best of
  EXPECT_TRUE(contains(to_json(report), "\"std\": null"));
}

TEST(BuildReport, OnlyNoiselessRunsMakeATableToo) {
  const Report report = build_report(Runs{run_of("sgd", std::nullopt, 1, 92)});
  EXPECT_EQ(report.tables.at(0).header, (std::vector<std::string>{"Method", "Noiseless"}));
  EXPECT_EQ(report.tables.at(0).lines.at(0).cells.at(0).text, "92.00 (92.3)");
}

TEST(BuildReport, MethodsAndPowersAreInTheFixedOrder) {
  Runs runs;
  for (const char* method :
       {"zeta", "sgd", "signum", "alpha", "adsgd", "zsgd", "sketch", "randomk", "laser"}) {
    runs.push_back(run_of(method, 10, 1, 90));
    runs.push_back(run_of(method, 2, 1, 90));
  }
  std::vector<std::string> order;
  for (const Row& row : build_report(runs).rows)
    order.push_back(fmt::format("{} {}", row.method, *row.power));
  EXPECT_EQ(order, (std::vector<std::string>{"laser 2", "laser 10", "randomk 2", "randomk 10", "sketch 2",
                                             "sketch 10", "zsgd 2", "zsgd 10", "adsgd 2", "adsgd 10",
                                             "signum 2", "signum 10", "sgd 2", "sgd 10", "alpha 2",
                                             "alpha 10", "zeta 2", "zeta 10"}));
}

TEST(BuildReport, ASweptSettingIsNeverAveragedAway) {
  Runs runs;
  for (const char* rank : {"16", "2"}) {
    for (std::uint64_t seed : {1U, 2U}) {
      runs.push_back(
          with(run_of("laser", 1, seed, 90.0 + static_cast<double>(seed) + std::atof(rank)), "rank", rank));
    }
  }
  runs.push_back(run_of("zsgd", 1, 1, 80));
  const Report report = build_report(runs);
  ASSERT_EQ(report.rows.size(), 3U);
  EXPECT_EQ(method_label(report.rows[0].method, report.rows[0].axes, report.rows[0].power), "LASER, rank 2");
  EXPECT_EQ(report.rows[0].mean, 93.5);
  EXPECT_EQ(report.rows[0].seeds, 2);
  EXPECT_TRUE(report.rows[0].paper.has_value());
  EXPECT_EQ(report.rows[1].axes.at("rank"), "16");  // 2 before 16: by size, not by letters
  EXPECT_FALSE(report.rows[1].paper.has_value());
  EXPECT_TRUE(report.rows[2].axes.empty());
  EXPECT_TRUE(has_note(report, "No paper value beside LASER, rank 16: the settings are not the paper's."));
  EXPECT_TRUE(contains(to_json(report), "\"rank\": 16"));
}

TEST(BuildReport, ASettingChosenForEachPowerIsNoAxis) {
  const Report report = build_report(Runs{with(run_of("laser", 1, 1, 90), "learning_rate", "0.01"),
                                          with(run_of("laser", 10, 1, 92), "learning_rate", "0.05")});
  ASSERT_EQ(report.rows.size(), 2U);
  EXPECT_TRUE(report.rows[0].axes.empty());
}

TEST(BuildReport, SeedThreadsAndFoldersDontSplitAGroup) {
  const Report report = build_report(Runs{with(with(run_of("laser", 1, 1, 90), "threads", "1"), "out", "a"),
                                          with(with(run_of("laser", 1, 2, 91), "threads", "2"), "out", "b")});
  ASSERT_EQ(report.rows.size(), 1U);
  EXPECT_EQ(report.rows[0].seeds, 2);
}

// A rank grid also runs Z-SGD, which has no rank, once for each rank: the same weights each time.
TEST(BuildReport, BitIdenticalRepetitionsCountOnce) {
  const Report report = build_report(
      Runs{with(run_of("zsgd", 1, 1, 88), "rank", "2"), with(run_of("zsgd", 1, 1, 88), "rank", "4"),
           with(run_of("zsgd", 1, 2, 89), "rank", "2"), with(run_of("zsgd", 1, 2, 89), "rank", "4")});
  ASSERT_EQ(report.rows.size(), 1U);
  EXPECT_EQ(report.rows[0].seeds, 2);
  EXPECT_TRUE(report.rows[0].axes.empty());
  EXPECT_TRUE(has_note(report, "2 runs repeat another run"));
}

// A digital link whose bits all arrive ends with the same weights whatever time it has the air for.
TEST(BuildReport, EqualWeightsAfterAnotherAirTimeAreAResultOfTheirOwn) {
  Runs runs;
  for (const char* rank : {"0", "2"}) {
    runs.push_back(with(run_of("digital_qsgd", 1, 1, 88), "air_rank", rank));
    runs.back().summary.symbols_per_round = rank[0] == '0' ? 25450 : 900;
  }
  ASSERT_EQ(runs[0].summary.weights_hash, runs[1].summary.weights_hash);
  const Report report = build_report(runs);
  ASSERT_EQ(report.rows.size(), 2U);
  EXPECT_NE(report.rows[0].symbols, report.rows[1].symbols);
  EXPECT_FALSE(has_note(report, "repeats another run"));
}

TEST(BuildReport, SettingsAreHeldAgainstWhatMethodAndTaskBring) {
  const Runs runs = {with(run_of("laser", 1, 1, 90), "rank", "4"),
                     with(run_of("zsgd", 1, 1, 80), "workers", "16")};
  EXPECT_TRUE(build_report(runs).changed.empty()) << "without defaults nothing is known";
  const auto report = build_report(runs, [](const RunSummary& summary) {
    return std::map<std::string, std::string>{
        {"rank", summary.method == "laser" ? "4" : "1"}, {"workers", "8"}, {"unknown", "1"}};
  });
  std::vector<std::tuple<std::string, std::string, std::string>> changed;
  for (const auto& [name, values, usual] : report.changed) changed.emplace_back(name, values, usual);
  EXPECT_EQ(changed, (std::vector<std::tuple<std::string, std::string, std::string>>{
                         {"rank", "2", "1"}, {"workers", "16", "8"}}));
}

TEST(BuildReport, OneSeedWithTwoResultsIsToldAndCountsOnce) {
  Runs runs = {run_of("laser", 1, 1, 90), run_of("laser", 1, 1, 80)};
  runs[0].folder = "first";
  runs[1].folder = "second";
  const Report report = build_report(runs);
  EXPECT_EQ(report.rows.at(0).seeds, 1);
  EXPECT_EQ(report.rows.at(0).mean, 90);
  EXPECT_TRUE(has_note(report, "second has the settings and the seed of first, but other final weights"));
}

TEST(BuildReport, RunsThatDidNotCompleteAreListedButLeftOut) {
  Runs runs = {run_of("laser", 1, 1, 90), run_of("laser", 1, 2, 10), run_of("laser", 1, 3, 10)};
  runs[1].summary.status = "interrupted";
  runs[2].summary.status = "interrupted";
  runs[1].warnings = {"a line was cut"};
  const Report report = build_report(runs);
  EXPECT_EQ(report.rows.at(0).mean, 90);
  EXPECT_EQ(report.runs.size(), 3U);
  EXPECT_TRUE(has_note(report, "2 of 3 runs are interrupted and left out of all means."));
  EXPECT_TRUE(has_note(report, "a line was cut"));
}

TEST(BuildReport, NothingCompletedIsAnError) {
  Runs runs = {run_of("laser", 1, 1, 90)};
  runs[0].summary.status = "failed";
  const Error error = error_of([&] { (void)build_report(runs); });
  EXPECT_EQ(error.code(), ExitCode::kData);
  EXPECT_TRUE(contains(error.what(), "none of the 1 runs completed. HINT: ")) << error.what();
}

TEST(BuildReport, TasksAreNotMixed) {
  Runs runs = {run_of("laser", 1, 1, 90), run_of("laser", 1, 2, 90)};
  runs[1].summary.task = "cifar10";
  const Error error = error_of([&] { (void)build_report(runs); });
  EXPECT_EQ(error.code(), ExitCode::kData);
  EXPECT_TRUE(contains(error.what(), "different tasks (cifar10 and mnist). HINT: ")) << error.what();
}

TEST(BuildReport, AnExceededBudgetIsShouted) {
  Runs runs = {run_of("laser", 1, 1, 90)};
  EXPECT_TRUE(has_note(build_report(runs), "never over 1"));
  runs[0].summary.budget_use = 1.01;
  EXPECT_TRUE(has_note(build_report(runs), "1.010000: THE BUDGET WAS EXCEEDED."));
}

TEST(BuildReport, ReasonsStandBesideDoubtfulPaperValues) {
  EXPECT_TRUE(has_note(build_report(Runs{run_of("signum", 1, 1, 85)}), "77.1 / 85.3 / 88.5"));
  EXPECT_TRUE(has_note(build_report(Runs{run_of("laser", 0.01, 1, 71), run_of("laser", 100, 1, 92)}),
                       "The paper's values at P = 0.01, 100 are from its plot for MNIST, read to 0.3."));
  EXPECT_FALSE(has_note(build_report(Runs{run_of("laser", 1, 1, 90)}), "plot"));
}

}  // namespace
}  // namespace laser
