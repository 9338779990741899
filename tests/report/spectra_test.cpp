// Means of the energy shares over the seeds, and the paper's values beside them.
#include "laser/report/spectra.hpp"

#include <gtest/gtest.h>

#include "../record/temporary_folder.hpp"
#include "laser/report/report.hpp"
#include "laser/report/summary_json.hpp"

namespace laser {
namespace {

laser::Run run_of(std::uint64_t seed, const std::map<std::string, std::vector<double>>& shares) {
  auto run = example_run(example_summary("sgd", std::nullopt, seed, 90));
  run.summary.task = "cifar10";
  run.summary.configuration["spectrum_rank"] = "2";
  for (std::size_t epoch = 0; epoch < run.epochs.size(); ++epoch) {
    for (const auto& [tensor, values] : shares) {
      if (epoch < values.size()) run.epochs[epoch].spectrum[tensor] = values[epoch];
    }
  }
  return run;
}

TEST(Spectra, AreMeansOverTheSeeds) {
  const std::vector<laser::Run> runs = {
      run_of(1, {{"layer1.0.conv1.weight", {0.5, 0.7}}, {"linear.weight", {0.9, 0.9}}}),
      run_of(2, {{"layer1.0.conv1.weight", {0.7, 0.8}}, {"linear.weight", {0.9}}})};
  const auto report = build_report(runs);
  ASSERT_EQ(report.spectra.size(), 2u);
  const auto& first = report.spectra[0];
  EXPECT_EQ(first.tensor, "layer1.0.conv1");
  EXPECT_EQ(first.rank, 2);
  EXPECT_EQ(first.epochs, (std::vector<std::int64_t>{1, 2}));
  EXPECT_NEAR(first.mean[0], 0.6, 1e-12);
  EXPECT_NEAR(first.std[0].value(), 0.1414213562373095, 1e-12);
  EXPECT_EQ(first.paper.front(), 0.87);
  EXPECT_EQ(report.spectra[1].epochs, (std::vector<std::int64_t>{1}));  // that both seeds have
  EXPECT_TRUE(report.spectra[1].paper.empty());
  const auto text = to_text(spectra_table(report.spectra));
  EXPECT_TRUE(contains(text, "0.600")) << text;
  EXPECT_TRUE(contains(text, "0.87 (1), 0.90 (10)")) << text;
  EXPECT_TRUE(contains(to_json(report), "\"spectra\""));
}

TEST(Spectra, AreAbsentWhereNoneWasRecorded) {
  const auto report = build_report(std::vector<laser::Run>{run_of(1, {})});
  EXPECT_TRUE(report.spectra.empty());
  EXPECT_FALSE(contains(to_json(report), "\"spectra\""));
}

}  // namespace
}  // namespace laser
