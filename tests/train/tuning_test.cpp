// The plan of a fair comparison and its choice; running it is tested from the command line.
#include "laser/train/tuning.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "laser/core/error.hpp"

namespace laser {
namespace {

TuningPlan small_plan() {
  TuningPlan plan;
  plan.base = {{"epochs", "1"}, {"rank", "2"}};
  plan.methods = {"laser", "sgd"};
  plan.powers = {"1", "10"};
  plan.rates = {"0.001", "0.01", "0.1"};
  plan.choosing_seeds = 2;
  plan.seeds = 3;
  return plan;
}

/// A run of a job that ended with an accuracy.
Run ended(const Job& job, double accuracy, const std::string& status = "completed") {
  Run run;
  run.folder = job.name;
  run.summary.status = status;
  run.summary.method = job.experiment.method;
  run.summary.final_accuracy = accuracy;
  run.summary.epochs = 1;
  auto& record = run.epochs.emplace_back();
  record.epoch = 1;
  record.test_accuracy = accuracy;
  run.summary.configuration = to_map(job.experiment);
  return run;
}

TEST(RateGrid, IsEvenOverTheLogarithm) {
  EXPECT_EQ(rate_grid(0.001, 1, 4), (std::vector<std::string>{"0.001", "0.01", "0.1", "1"}));
  EXPECT_EQ(rate_grid(2e-5, 0.5, 10).front(), "2e-05");
  EXPECT_EQ(rate_grid(2e-5, 0.5, 10).back(), "0.5");
  EXPECT_THROW(rate_grid(0.1, 0.1, 4), Error);
  EXPECT_THROW(rate_grid(0.1, 1, 1), Error);
}

TEST(Tuning, EveryMethodGetsTheSameGridAndOnlyChoosingRunsHoldExamplesBack) {
  const auto plan = small_plan();
  const auto choosing = choosing_jobs(plan);
  EXPECT_EQ(choosing.size(), 2u * 3 * 2 + 3 * 2);  // a noiseless method has one power
  for (const auto& job : choosing) EXPECT_DOUBLE_EQ(job.experiment.shards.held_out, 0.1);
  const auto fixed = fixed_jobs(plan);
  EXPECT_EQ(fixed.size(), 2u * 3 + 3);
  for (const auto& job : fixed) EXPECT_EQ(job.experiment.shards.held_out, 0);
}

TEST(Tuning, AMethodThatKeepsItsOwnStepSizeIsReportedAndNotTuned) {
  auto plan = small_plan();
  plan.untuned = {"sgd"};
  for (const auto& job : choosing_jobs(plan)) EXPECT_EQ(job.experiment.method, "laser");
  EXPECT_EQ(choosing_jobs(plan).size(), 2U * 3 * 2);
  EXPECT_EQ(fixed_jobs(plan).size(), 2U * 3 + 3);
  std::vector<laser::Run> runs;
  for (const auto& job : choosing_jobs(plan)) runs.push_back(ended(job, 80));
  EXPECT_EQ(tuned_jobs(plan, choose_rates(plan, runs)).size(), 2U * 3);
  plan.untuned = {"zsgd"};
  EXPECT_THROW(validate(plan), Error);
}

TEST(Tuning, TheBestMeanOverTheSeedsIsChosenAndAnEdgeIsTold) {
  const auto plan = small_plan();
  std::vector<laser::Run> runs;
  for (const auto& job : choosing_jobs(plan)) {
    const auto& e = job.experiment;
    double accuracy = 80 - std::abs(std::log10(e.learning_rate / (e.power == 1 ? 0.001 : 0.01)));
    if (e.method == "sgd") accuracy = 90 + e.learning_rate;
    // The middle rate looks better for one seed alone.
    if (e.method == "laser" && e.power == 1 && e.learning_rate == 0.01) accuracy += e.seed == 1 ? 1.5 : -1.5;
    const bool diverged = e.method == "sgd" && e.learning_rate == 0.1 && e.seed == 2;
    runs.push_back(ended(job, diverged ? 99 : accuracy, diverged ? "failed" : "completed"));
  }
  const auto chosen = choose_rates(plan, runs);
  ASSERT_EQ(chosen.size(), 3u);
  EXPECT_EQ(chosen[0].rate, "0.001");
  EXPECT_TRUE(chosen[0].at_edge);
  EXPECT_EQ(chosen[1].rate, "0.01");
  EXPECT_FALSE(chosen[1].at_edge);
  EXPECT_FALSE(chosen[2].power.has_value());
  EXPECT_EQ(chosen[2].rate, "0.01") << "a run that diverged counts as 0";
  const auto tuned = tuned_jobs(plan, chosen);
  ASSERT_EQ(tuned.size(), fixed_jobs(plan).size());
  for (const auto& job : tuned) {
    if (job.experiment.method == "laser") {
      EXPECT_DOUBLE_EQ(job.experiment.learning_rate, job.experiment.power == 1 ? 0.001 : 0.01);
    }
    EXPECT_EQ(job.name.substr(job.name.size() - 8), experiment_hash(job.experiment).substr(0, 8));
  }
  runs.back().summary.status = "interrupted";
  EXPECT_THROW(choose_rates(plan, runs), Error) << "a run is missing";
}

TEST(Tuning, ABaseThatFixesWhatIsVariedIsRefused) {
  auto plan = small_plan();
  EXPECT_NO_THROW(validate(plan));
  plan.base.emplace_back("learning_rate", "0.1");
  EXPECT_THROW(validate(plan), Error);
  plan = small_plan();
  plan.powers.clear();
  EXPECT_THROW(validate(plan), Error);
}

}  // namespace
}  // namespace laser
