// What a report says first, word for word, and that nothing is called best which the seeds do not tell.
#include "laser/report/conclusion.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "../record/temporary_folder.hpp"
#include "laser/report/report.hpp"

namespace laser {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<std::string> perplexity(std::vector<ToldGain> gains) {
  return gain_sentences("LASER", "Z-SGD", gains, "perplexity", "", false);
}

std::vector<std::string> accuracy(std::vector<ToldGain> gains) {
  return gain_sentences("LASER", "Z-SGD", gains, "accuracy", "%", true);
}

TEST(GainSentences, TheTargetThatIsKnownBestAndTheRangeOfAll) {
  EXPECT_EQ(
      perplexity({{100, {1.5, 1.5}, Interval{1.2, 1.7}},
                  {80, {2, 2}, Interval{1.8, 2.2}},
                  {70, {3, 3}, Interval{1.9, kInfinity}}}),
      (std::vector<std::string>{"LASER needs 2.0 (1.8 to 2.2) times less energy than Z-SGD at perplexity 80.",
                                "Over targets from 70 to 100 the factor goes from 1.5 to 3.0."}));
  EXPECT_EQ(accuracy({{96, {46.4, 46.4}, Interval{33.6, 61}}}),
            std::vector<std::string>{
                "LASER needs 46 (34 to 61) times less energy than Z-SGD at an accuracy of 96 %."});
}

TEST(GainSentences, AFactorBelowOneIsExplained) {
  EXPECT_EQ(accuracy({{88, {2.3, 2.3}, Interval{1.8, 2.9}}, {92, {0.043, 0.043}, Interval{0.0085, 1.2}}}),
            (std::vector<std::string>{
                "LASER needs 2.3 (1.8 to 2.9) times less energy than Z-SGD at an accuracy of 88 %.",
                "Over targets from 88 % to 92 % the factor goes from 0.043 to 2.3: below 1 more energy is "
                "needed."}));
}

TEST(GainSentences, MoreEnergyNoDifferenceAndBounds) {
  EXPECT_EQ(accuracy({{90, {0.5, 0.5}, Interval{0.4, 0.8}}}),
            std::vector<std::string>{
                "LASER needs 2.0 (1.2 to 2.5) times more energy than Z-SGD at an accuracy of 90 %."});
  EXPECT_EQ(accuracy({{90, {1.2, 1.2}, Interval{0.9, 1.6}}}),
            std::vector<std::string>{
                "LASER needs 1.2 (0.9 to 1.6) times less energy than Z-SGD at an accuracy of 90 %: no "
                "difference that the seeds tell."});
  EXPECT_EQ(accuracy({{90, {8, kInfinity}, {}}}),
            std::vector<std::string>{
                "LASER needs at least 8.0 times less energy than Z-SGD at an accuracy of 90 %, which Z-SGD "
                "reaches with none of its powers."});
  EXPECT_EQ(accuracy({{90, {2, 2}, {}}}),
            std::vector<std::string>{"LASER needs 2.0 times less energy than Z-SGD at an accuracy of 90 %."});
  EXPECT_TRUE(accuracy({{90, {0, 3}, {}}}).empty());
  EXPECT_TRUE(accuracy({}).empty());
}

std::vector<Row> rows_of(std::vector<std::pair<double, std::optional<double>>> values) {
  std::vector<Row> rows;
  for (const auto& [mean, interval] : values) {
    auto& row = rows.emplace_back();
    row.method = fmt::format("method{}", rows.size());
    row.power = 1;
    row.mean = mean;
    row.interval = interval;
  }
  return rows;
}

std::string marks(std::vector<Row> rows, bool higher_is_better) {
  mark_leading(rows, higher_is_better);
  std::string text;
  for (const auto& row : rows) text += row.best_at_power ? 'B' : row.leading ? 'l' : '-';
  return text;
}

TEST(MarkLeading, OneIsBestWhereItsIntervalLiesBeyondAllOthers) {
  EXPECT_EQ(marks(rows_of({{90, 0.4}, {89, 0.5}, {80, 1}}), true), "B--");
  EXPECT_EQ(marks(rows_of({{90, 0.6}, {89, 0.5}, {80, 1}}), true), "ll-");
  EXPECT_EQ(marks(rows_of({{90, 0.4}, {89, {}}, {80, 1}}), true), "ll-")
      << "a single seed is told from nothing";
  EXPECT_EQ(marks(rows_of({{90, {}}, {89, 0.1}}), true), "ll");
  EXPECT_EQ(marks(rows_of({{90, 0.4}, {80, 1}}), false), "-B");
  EXPECT_EQ(marks(rows_of({{90, 0.4}}), true), "l") << "best of one is nothing";
}

TEST(Conclusion, OfOneRunAndOfSingleSeeds) {
  const auto run = [](const char* method, double accuracy) {
    return example_run(example_summary(method, 1, 1, accuracy));
  };
  EXPECT_EQ(conclusion(build_report(std::vector<laser::Run>{run("laser", 90)})),
            std::vector<std::string>{"LASER reaches 90.00 % on MNIST at P = 1 (a single seed)."});
  EXPECT_EQ(conclusion(build_report(std::vector<laser::Run>{run("laser", 90), run("zsgd", 80)})),
            (std::vector<std::string>{"At P = 1: LASER 90.00 %, Z-SGD 80.00 %.",
                                      "All of this is of single seeds: three make a result."}));
}

}  // namespace
}  // namespace laser
