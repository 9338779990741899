// Training runs on the real data, a few epochs long: pinned curves, repeatability, records, interruption.
#include "laser/train/trainer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "laser/aggregate/algorithm.hpp"
#include "laser/compress/compressor.hpp"
#include "laser/core/error.hpp"
#include "laser/record/reader.hpp"
#include "laser/train/sweep.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<TaskData> mnist() {
  static const auto data = load_task_data({});
  return data;
}

struct Outcome {
  RunSummary summary;
  std::vector<EpochRecord> epochs;
};

Outcome run(Settings settings, std::int64_t threads = 1) {
  settings.insert(settings.begin(), {{"epochs", "1"}, {"rank", "2"}, {"compression_factor", "0.1"}});
  use_threads(threads);
  Outcome outcome;
  RunControl control;
  control.record = [&](const EpochRecord& record) { outcome.epochs.push_back(record); };
  const auto experiment = resolve(settings);
  const auto task = make_task(mnist(), task_options(experiment));
  outcome.summary = train(experiment, *task, control);
  return outcome;
}

/// First epoch of every recipe at P = 1, seed 1: mean training loss and test accuracy. Measured by this code
/// when its full runs were compared with the paper's Table 4, and anew when the definition of the normal
/// numbers changed (means over 24 seeds stayed: every recipe within 2.1 standard errors); a change of more
/// than rounding must be explained.
struct Pinned {
  const char* method;
  double loss;
  double accuracy;
};

class PinnedCurve : public testing::TestWithParam<Pinned> {};
INSTANTIATE_TEST_SUITE_P(Recipes, PinnedCurve,
                         testing::Values(Pinned{"laser", 1.526641, 71.59}, Pinned{"zsgd", 1.004411, 83.22},
                                         Pinned{"signum", 1.845921, 68.31},
                                         Pinned{"randomk", 1.290420, 79.34},
                                         Pinned{"sketch", 1.047605, 80.89}, Pinned{"adsgd", 1.933159, 63.63},
                                         Pinned{"sgd", 0.869051, 87.81}),
                         [](const auto& pinned) { return std::string(pinned.param.method); });

TEST_P(PinnedCurve, FirstEpoch) {
  const auto outcome = run({{"method", GetParam().method}});
  EXPECT_NEAR(outcome.epochs[0].train_loss, GetParam().loss, 2e-3 * GetParam().loss);
  EXPECT_NEAR(outcome.epochs[0].test_accuracy, GetParam().accuracy, 0.3);
}

/// Every method and every order of factors, with power enough for bits to get across. Preconditioners are
/// LibTorch's products and decompositions, whose bits follow the number of threads (docs/method.md).
TEST(Trainer, SameConfigurationSameBitsForEveryThreadCount) {
  std::vector<std::pair<std::string, std::string>> each;
  for (const auto& recipe : recipes()) each.emplace_back("method", recipe.name);
  for (const auto& transport : transports()) each.emplace_back("transport", transport.name);
  for (const auto& setting : each) {
    const std::pair<std::string, std::string> power{"power", "10000"}, rate{"learning_rate", "0.001"},
        plain{"preconditioner", "none"};
    const auto hash = run({setting, plain, power, rate}, 1).summary.weights_hash;
    EXPECT_EQ(run({setting, plain, power, rate}, 2).summary.weights_hash, hash)
        << setting.second << ", 2 threads";
    EXPECT_NE(run({setting, plain, power, rate, {"seed", "2"}}, 1).summary.weights_hash, hash)
        << setting.second << ", other seed";
  }
  EXPECT_EQ(run({}).summary.weights_hash, run({}).summary.weights_hash) << "again";
}

TEST(Trainer, AHiddenLayerLearnsWithTheSameBitsForEveryThreadCount) {
  const Settings settings = {{"task", "mnist_mlp"}, {"method", "laser"}, {"epochs", "2"}};
  const auto one = run(settings, 1), two = run(settings, 2);
  ASSERT_EQ(one.epochs.size(), 2u);
  EXPECT_LT(one.epochs[1].train_loss, one.epochs[0].train_loss);
  EXPECT_GT(one.summary.final_accuracy, 50) << "chance is 10";
  EXPECT_EQ(one.summary.dense_symbols, 784 * 128 + 128 + 128 * 10 + 10);
  EXPECT_EQ(one.summary.weights_hash, two.summary.weights_hash);
}

TEST(Trainer, EnergyIsLoggedForEveryWorkerAndNeverOverTheBudget) {
  const auto outcome = run({{"power", "4"}, {"power_policy", "linear_up"}, {"epochs", "3"}});
  ASSERT_EQ(outcome.epochs.size(), 3u);
  const double budgets[] = {4.0 / 3, 4.0, 20.0 / 3};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& record = outcome.epochs[i];
    EXPECT_NEAR(record.power, budgets[i], 1e-12);
    EXPECT_LE(record.budget_use, 1 + 1e-9);
    EXPECT_GT(record.budget_use, 0.9);
    ASSERT_EQ(record.energy.size(), 16u);
    for (const double energy : record.energy) EXPECT_LE(energy, budgets[i] * (1 + 1e-9));
    EXPECT_DOUBLE_EQ(record.symbols, (1578.0 + 30.0) / 2);
    EXPECT_TRUE(record.lambda && record.delta && record.memory_ratio);
  }
}

// LASER alternates: the two factors differ in lambda and delta, and an epoch's record is the mean of both.
TEST(Trainer, DiagnosesAreMeansOverAnEpochThatSeeBothParities) {
  const auto outcome = run({{"method", "laser"}, {"power", "10"}, {"epochs", "2"}});
  for (const auto& record : outcome.epochs) {
    ASSERT_TRUE(record.noise_energy && record.sent_ratio && record.waiting_rounds && record.delta);
    EXPECT_GT(*record.noise_energy, 0);
    EXPECT_GT(*record.sent_ratio, 0);
    // ||e||^2 / ||g||^2 over all workers against the mean of the workers' ||e|| / ||g||: near its square.
    EXPECT_NEAR(*record.waiting_rounds / (*record.memory_ratio * *record.memory_ratio), 1, 0.2);
    // delta ||M||^2 is sent, and ||M - C(M)||^2 stays: C^2 = delta / (1 - delta) of what stays.
    EXPECT_NEAR(*record.sent_ratio / *record.waiting_rounds, *record.delta / (1 - *record.delta), 0.3);
  }
  const auto clean = run({{"method", "sgd"}, {"epochs", "1"}});
  EXPECT_FALSE(clean.epochs[0].waiting_rounds.has_value()) << "there is no memory";
  ASSERT_TRUE(clean.epochs[0].noise_energy.has_value());
  EXPECT_EQ(*clean.epochs[0].noise_energy, 0);
}

// The best epoch of a run whose noise explodes says nothing: it is told as diverged.
TEST(Trainer, NoiseThatGrowsAThousandfoldIsDivergence) {
  try {
    run({{"task", "mnist_mlp"},
         {"method", "laser"},
         {"batch_size", "16"},
         {"power", "0.25"},
         {"learning_rate", "0.02"},
         {"epochs", "3"}});
    FAIL() << "trained through";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kNonFinite);
    EXPECT_NE(std::string(error.what()).find("times that of the first epochs"), std::string::npos)
        << error.what();
  }
}

TEST(Trainer, DivergenceIsToldNotTrainedThrough) {
  try {
    run({{"method", "zsgd"}, {"learning_rate", "1e30"}, {"epochs", "3"}});
    FAIL() << "NaN went through";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kNonFinite);
  }
}

class RunFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "laser-train-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(RunFolder, ReplaysFromItsOwnConfiguration) {
  const auto experiment = resolve({{"epochs", "2"}, {"rank", "2"}, {"method", "laser"}});
  const auto first = train_into((folder_ / "a").string(), experiment, mnist(), {}, "test");
  const auto again = resolve(read_settings((folder_ / "a" / "config.toml").string()));
  const auto second = train_into((folder_ / "b").string(), again, mnist(), {}, "test");
  EXPECT_EQ(first.weights_hash, second.weights_hash);
  const auto read = read_run((folder_ / "a").string());
  EXPECT_EQ(read.summary.status, "completed");
  EXPECT_EQ(read.epochs.size(), 2u);
  EXPECT_EQ(read.summary.weights_hash, first.weights_hash);
}

TEST_F(RunFolder, AnInterruptedRunKeepsWhatItMeasured) {
  int rounds = 0;
  RunControl control;
  control.stop = [&] { return ++rounds == 40; };
  const auto summary = train_into((folder_ / "a").string(), resolve({{"epochs", "3"}, {"rank", "2"}}),
                                  mnist(), control, "test");
  EXPECT_EQ(summary.status, "interrupted");
  EXPECT_EQ(summary.rounds, 40);
  EXPECT_DOUBLE_EQ(summary.symbols_per_round, 804.0);  // of the whole epoch that was measured
  EXPECT_EQ(read_run((folder_ / "a").string()).epochs.size(), 1u);
}

TEST_F(RunFolder, ASweepRunsEverythingOnceAndResumes) {
  const auto jobs =
      make_jobs({{"epochs", "1"}, {"rank", "2"}}, {{"method", {"laser", "zsgd"}}, {"seed", {"1", "2"}}});
  SweepOptions options;
  options.folder = folder_.string();
  options.parallel = 2;
  std::atomic<bool> stop{false};
  options.stop = [&] { return stop.load(); };
  options.progress = [&](double, std::int64_t done, std::int64_t) { stop = done >= 1; };
  const auto first = run_sweep(jobs, options);
  EXPECT_TRUE(first.interrupted);
  EXPECT_GE(first.completed, 1);
  EXPECT_LT(first.completed, 4);
  options.stop = {};
  options.progress = {};
  EXPECT_THROW(run_sweep(jobs, options), Error) << "a folder with runs is not overwritten";
  options.resume = true;
  const auto second = run_sweep(jobs, options);
  EXPECT_EQ(second.completed, 4);
  EXPECT_EQ(second.found, first.completed);
  for (const auto& job : jobs) {
    EXPECT_EQ(read_run((folder_ / job.name).string()).summary.status, "completed");
  }
}

}  // namespace
}  // namespace laser
