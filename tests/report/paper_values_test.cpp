// The paper's values: the right number for the paper's setting, and none for any other.
#include "laser/report/paper_values.hpp"

#include <gtest/gtest.h>

#include "../record/temporary_folder.hpp"

namespace laser {
namespace {

struct Expected {
  std::string method;
  std::vector<double> values;  // at P = 0.1, 1, 10
};

// Table 4 of the paper, typed from the specification 5.2 in its order.
const std::vector<Expected> kTable4 = {{"zsgd", {81.3, 87.9, 91.9}},    {"signum", {76.7, 83.2, 85.4}},
                                       {"randomk", {86.1, 89.3, 91.5}}, {"sketch", {81.9, 88.2, 91.7}},
                                       {"adsgd", {81.6, 86.9, 87.3}},   {"laser", {84.3, 89.9, 92.3}}};

TEST(PaperValues, Table4) {
  for (const Expected& expected : kTable4) {
    const double powers[] = {0.1, 1, 10};
    for (std::size_t i = 0; i < 3; ++i) {
      const auto value = find_paper_value(example_summary(expected.method, powers[i], 1, 90));
      ASSERT_TRUE(value.has_value()) << expected.method << " at " << powers[i];
      EXPECT_EQ(value->value, expected.values[i]) << expected.method << " at " << powers[i];
      EXPECT_EQ(value->source, "Table 4");
    }
  }
  EXPECT_EQ(find_paper_value(example_summary("sgd", std::nullopt, 1, 90)).value().value, 92.3);
}

TEST(PaperValues, PlotValuesSayHowExactTheyAre) {
  const auto value = find_paper_value(example_summary("randomk", 0.01, 1, 90));
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->value, 78.2);
  EXPECT_EQ(value->tolerance, 0.3);
  EXPECT_EQ(value->source, "plot for MNIST, read to 0.3");
  EXPECT_EQ(find_paper_value(example_summary("zsgd", 100, 1, 90)).value().value, 92.4);
  EXPECT_FALSE(find_paper_value(example_summary("signum", 100, 1, 90)).has_value());  // not in the plot
}

TEST(PaperValues, OnlyInThePapersSetting) {
  const auto with = [](const std::string& method, const std::string& key, const std::string& value) {
    RunSummary summary = example_summary(method, 1, 1, 90);
    summary.configuration[key] = value;
    return find_paper_value(summary).has_value();
  };
  EXPECT_TRUE(with("laser", "workers", "16"));
  EXPECT_FALSE(with("laser", "workers", "8"));
  EXPECT_FALSE(with("laser", "batch_size", "64"));
  EXPECT_FALSE(with("laser", "epochs", "49"));
  EXPECT_FALSE(with("laser", "rank", "4"));
  EXPECT_FALSE(with("laser", "rank", "two"));
  EXPECT_FALSE(with("laser", "learning_rate", "0.0005"));
  EXPECT_TRUE(with("laser", "learning_rate", "0.010"));
  EXPECT_TRUE(with("laser", "compression_factor", "0.2"));  // LASER has none
  EXPECT_TRUE(with("zsgd", "rank", "4"));                   // nor does Z-SGD have a rank
  EXPECT_TRUE(with("randomk", "compression_factor", "0.10"));
  for (const char* method : {"randomk", "sketch", "adsgd"})
    EXPECT_FALSE(with(method, "compression_factor", "0.2"));
}

TEST(PaperValues, MissingSettingsOtherTasksPowersAndMethodsHaveNone) {
  RunSummary summary = example_summary("laser", 1, 1, 90);
  summary.configuration.erase("workers");
  EXPECT_FALSE(find_paper_value(summary).has_value());
  summary = example_summary("laser", 1, 1, 90);
  summary.task = "cifar10";
  EXPECT_FALSE(find_paper_value(summary).has_value());
  EXPECT_FALSE(has_paper_setting(summary));
  EXPECT_FALSE(find_paper_value(example_summary("laser", 2, 1, 90)).has_value());
  EXPECT_TRUE(has_paper_setting(example_summary("laser", 2, 1, 90)));
  EXPECT_FALSE(find_paper_value(example_summary("laser", std::nullopt, 1, 90)).has_value());
  EXPECT_FALSE(find_paper_value(example_summary("sgd", 1, 1, 90)).has_value());
  EXPECT_FALSE(find_paper_value(example_summary("mine", 1, 1, 90)).has_value());
}

}  // namespace
}  // namespace laser
