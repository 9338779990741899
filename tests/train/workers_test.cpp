// Runs whose workers, links or shards differ, end to end; the noisy downlink; held-out examples.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "laser/channel/channel.hpp"
#include "laser/core/error.hpp"
#include "laser/train/downlink.hpp"
#include "laser/train/trainer.hpp"
#include "laser/train/training.hpp"

namespace laser {
namespace {

std::shared_ptr<TaskData> mnist() {
  static const auto data = load_task_data({});
  return data;
}

RunSummary run(Settings settings, std::vector<EpochRecord>* epochs = nullptr) {
  settings.insert(settings.begin(), {{"epochs", "1"}, {"rank", "2"}});
  use_threads(1);
  const auto experiment = resolve(settings);
  const auto task = make_task(mnist(), task_options(experiment));
  RunControl control;
  control.record = [&](const EpochRecord& record) {
    if (epochs != nullptr) epochs->push_back(record);
  };
  return train(experiment, *task, control);
}

TEST(Workers, EveryChannelTrainsWithinItsBudget) {
  for (const auto& entry : channels()) {
    if (!entry.needs.empty()) continue;  // gain_trace_test trains with a trace
    // At P = 10 sixteen workers have half a bit each for a thousand parameters: no digital code
    // sends anything. The noise of energies falls with the square of a, and a^2 with the numbers'
    // size: more is needed.
    const auto air = make_channel(entry.name);
    const char* power = air->traits().digital ? "1e5" : air->traits().as_energies ? "1000" : "10";
    const auto summary = run({{"channel", entry.name}, {"power", power}, {"channel_mode", "physical"}});
    EXPECT_GT(summary.final_accuracy, 40) << entry.name;  // the weakest link of csit costs most
    EXPECT_LE(summary.budget_use, 1 + 1e-6) << entry.name;
  }
}

TEST(Workers, EveryMixTrainsWithinItsBudget) {
  for (const Settings& mix : std::vector<Settings>{{{"power_shares", "[1, 4]"}},
                                                   {{"participation", "0.5"}},
                                                   {{"loss_rate", "0.3"}, {"method", "laser_matched"}},
                                                   {{"sharding", "dirichlet"}, {"concentration", "0.5"}},
                                                   {{"shard_shares", "[1, 3]"}, {"method", "zsgd_matched"}},
                                                   {{"fading_draw", "tensor"}, {"channel", "csir"}},
                                                   {{"downlink", "common"}, {"downlink_power", "1e6"}}}) {
    auto settings = mix;
    settings.emplace_back("power", "10");
    std::vector<EpochRecord> epochs;
    const auto summary = run(settings, &epochs);
    EXPECT_GT(summary.final_accuracy, 50) << mix[0].first;
    EXPECT_LE(summary.budget_use, 1 + 1e-6) << mix[0].first;
    EXPECT_GT(summary.budget_use, 0.5) << mix[0].first;
  }
  std::vector<EpochRecord> epochs;
  run({{"power_shares", "[1, 4]"}, {"power", "10"}}, &epochs);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_LE(epochs[0].energy[i], (i % 2 == 0 ? 4.0 : 16.0) * (1 + 1e-6));
}

TEST(Workers, OnlyThoseThatAreAwakeCompute) {
  for (const char* name : {"mnist", "mnist_mlp"}) {
    use_threads(1);
    const auto experiment = resolve({{"task", name}, {"workers", "5"}, {"rank", "2"}});
    const auto task = make_task(mnist(), task_options(experiment));
    const auto parameters = task->initial_parameters();
    auto all = at::zeros({5, task->layout().size}), some = at::full_like(all, 7.0f);
    std::vector<double> losses(5), own(5, -1.0);
    const std::vector<char> awake{0, 1, 0, 1, 1};
    task->gradients(parameters, 3, all, losses, std::vector<char>(5, 1));
    task->gradients(parameters, 3, some, own, awake);
    for (std::size_t i = 0; i < awake.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i);
      if (awake[i] == 0) continue;
      EXPECT_TRUE(at::allclose(some[row], all[row], 1e-6, 1e-7)) << name << " " << i;
      EXPECT_NEAR(own[i], losses[i], 1e-6) << name << " " << i;
    }
    task->gradients(parameters, 3, some, own, std::vector<char>(5, 0));  // nobody is
  }
}

TEST(Workers, WhoSleepsIsNotInTheMeanLoss) {
  std::vector<EpochRecord> epochs;
  run({{"participation", "0.25"}, {"power", "100"}}, &epochs);
  EXPECT_GT(epochs[0].train_loss, 0.2);
  EXPECT_LT(epochs[0].train_loss, 3.0);
}

TEST(Workers, WithoutAnyoneActiveTheModelStaysAsItIs) {
  const auto experiment =
      resolve({{"channel", "csit_trunc"}, {"least_gain", "10"}, {"epochs", "1"}, {"rank", "2"}});
  const auto task = make_task(mnist(), task_options(experiment));
  Training training(experiment, *task);
  for (int i = 0; i < 3; ++i) training.advance();
  EXPECT_TRUE(at::equal(training.weights().at("parameters"), task->initial_parameters()));
}

TEST(Workers, ARunOfEveryKindGoesOnBitForBit) {
  for (const Settings& mix :
       std::vector<Settings>{{{"method", "laser_matched"}, {"participation", "0.5"}},
                             {{"method", "laser_momentum"}, {"loss_rate", "0.3"}},
                             {{"method", "swept"}, {"participation", "0.5"}, {"preconditioner_refresh", "1"}},
                             {{"method", "swept"}, {"prediction", "matched"}, {"loss_rate", "0.3"}},
                             {{"method", "zsgd_matched"}, {"channel", "stat"}},
                             {{"downlink", "separate"}, {"downlink_power", "1e5"}, {"resync_rounds", "7"}}}) {
    auto settings = mix;
    settings.insert(settings.end(), {{"epochs", "1"}, {"rank", "2"}, {"power", "10"}});
    const auto experiment = resolve(settings);
    const auto task = make_task(mnist(), task_options(experiment));
    Training straight(experiment, *task), resumed(experiment, *task);
    for (int i = 0; i < 5; ++i) straight.advance();
    NamedTensors saved;
    for (const auto& [name, tensor] : straight.state()) saved[name] = tensor.clone();
    for (int i = 0; i < 5; ++i) straight.advance();
    resumed.load_state(saved);
    for (int i = 0; i < 5; ++i) resumed.advance();
    EXPECT_TRUE(at::equal(straight.weights().at("parameters"), resumed.weights().at("parameters")))
        << mix[0].second;
  }
}

TEST(HeldOut, ExamplesMakeTheAccuracyAndAreNotTrainedOn) {
  const auto with = run({{"method", "sgd"}, {"validation", "0.1"}});
  const auto without = run({{"method", "sgd"}});
  EXPECT_NE(with.final_accuracy, without.final_accuracy);
  EXPECT_NEAR(with.final_accuracy, without.final_accuracy, 3);
  EXPECT_EQ(std::fmod(with.final_accuracy * 60, 1.0), 0.0) << "a share of 6,000 images";
}

// One step of norm 2 into 10,000 numbers at P_dl = 400: noise of variance 4 / 400 a number. 10,000 numbers:
// the sample variance is within 5 sqrt(2 / 10000) = 7 %.
TEST(DownlinkNoise, HasTheStatedEnergyAndIsSharedOrNot) {
  const auto before = at::zeros({10000});
  auto step = at::zeros({10000});
  step[3] = 2;
  Downlink common({.mode = "common", .power = 400}, 1, 3);
  auto model = step.clone();
  common.broadcast(0, before, model);
  EXPECT_NEAR((model - step).pow(2).mean().item<double>() / 0.01, 1, 0.07);
  EXPECT_TRUE(common.models(model).is_same(model)) << "all have the same";

  Downlink separate({.mode = "separate", .power = 400, .resync_rounds = 3}, 1, 3);
  model = step.clone();
  separate.broadcast(0, before, model);
  EXPECT_TRUE(at::equal(model, step)) << "the server knows its own model";
  auto models = separate.models(model);
  ASSERT_EQ(models.sizes(), at::IntArrayRef({3, 10000}));
  EXPECT_NEAR((models - step).pow(2).mean().item<double>() / 0.01, 1, 0.07);
  EXPECT_LT(std::abs(at::dot(models[0] - step, models[1] - step).item<double>()) / 100, 0.05)
      << "independent";
  separate.broadcast(1, before, model);
  EXPECT_NEAR((separate.models(model) - step).pow(2).mean().item<double>() / 0.02, 1, 0.07)
      << "drift adds up";
  separate.broadcast(2, before, model);
  EXPECT_TRUE(at::equal(separate.models(model), model)) << "round 3 brings all together";
}

TEST(Workers, WhatDoesNotGoTogetherIsRefusedWithAHint) {
  for (const Settings& settings :
       std::vector<Settings>{{{"downlink", "common"}}, {{"power_shares", "[1, 0]"}}, {{"loss_rate", "1"}}}) {
    try {
      resolve(settings);
      FAIL() << settings[0].first;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kConfiguration);
      EXPECT_NE(std::string(error.what()).find("HINT"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace laser
