// Local steps: what workers send is what their own steps made of the server's model, for every model, with
// FedProx's pull, whoever is awake, and a run of them goes on bit for bit.
#include "laser/train/local_work.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "laser/core/error.hpp"
#include "laser/train/trainer.hpp"
#include "laser/train/training.hpp"

namespace laser {
namespace {

std::unique_ptr<Task> task_of(const Experiment& experiment) {
  static const auto data = load_task_data({});
  use_threads(1);
  return make_task(data, task_options(experiment));
}

TEST(LocalWork, AMessageIsWhatTheStepsMade) {
  for (const char* name : {"mnist", "mnist_mlp"}) {
    const auto task = task_of(resolve({{"task", name}, {"workers", "3"}, {"hidden", "[16, 8]"}}));
    const auto start = task->initial_parameters();
    const auto size = task->layout().size;
    const LocalOptions options{.learning_rate = 0.05, .steps = 4, .proximal = 0.7};
    LocalWork work(options, *task);
    auto messages = at::zeros({3, size});
    std::vector<double> losses(3);
    work.messages(start, 2, messages, losses, std::vector<char>{1, 0, 1});

    for (const std::int64_t worker : {0, 2}) {  // alone, with one model for all
      auto own = start.clone();
      double loss = 0;
      auto gradients = at::zeros({3, size});
      std::vector<double> step_losses(3);
      for (std::int64_t step = 8; step < 12; ++step) {
        task->gradients(own, step, gradients, step_losses, std::vector<char>(3, 1));
        own -= 0.05 * (gradients[worker] + 0.7 * (own - start));
        loss += step_losses[static_cast<std::size_t>(worker)] / 4;
      }
      EXPECT_LT((messages[worker] - (start - own)).abs().max().item<double>(), 1e-6) << name;
      EXPECT_GT((start - own).abs().max().item<double>(), 1e-3) << name;
      EXPECT_NEAR(losses[static_cast<std::size_t>(worker)], loss, 1e-6) << name;
    }
    EXPECT_EQ(losses[1], 0.0);
  }
}

TEST(LocalWork, WorkersModelsMayDiffer) {
  for (const char* name : {"mnist", "mnist_mlp"}) {
    const auto task = task_of(resolve({{"task", name}, {"workers", "4"}, {"hidden", "[16]"}}));
    const auto size = task->layout().size;
    auto models = task->initial_parameters() + 0.1 * at::arange(4).view({4, 1}) * at::ones({4, size});
    auto together = at::zeros({4, size}), alone = at::zeros({4, size});
    std::vector<double> losses(4), own(4);
    task->gradients(models, 5, together, losses, std::vector<char>{1, 1, 0, 1});
    for (const std::int64_t worker : {0, 1, 3}) {
      std::vector<char> awake(4, 0);
      awake[static_cast<std::size_t>(worker)] = 1;
      task->gradients(models[worker].contiguous(), 5, alone, own, awake);
      EXPECT_TRUE(at::allclose(together[worker], alone[worker], 1e-5, 1e-6)) << name;
      EXPECT_NEAR(losses[static_cast<std::size_t>(worker)], own[static_cast<std::size_t>(worker)], 1e-6);
    }
  }
}

TEST(LocalWork, AnEpochIsRoundedUp) {
  const auto task = task_of(resolve({}));
  ASSERT_EQ(task->rounds_per_epoch(), 30);
  EXPECT_EQ(LocalWork({.learning_rate = 1, .steps = 7}, *task).rounds_per_epoch(), 5);
  EXPECT_EQ(LocalWork({.learning_rate = 1, .steps = 100}, *task).rounds_per_epoch(), 1);
}

TEST(LocalWork, BringsTheServersFedAvg) {
  const auto plain = resolve({{"local_learning_rate", "0.1"}, {"local_steps", "5"}});
  EXPECT_EQ(plain.learning_rate, 1.0);
  EXPECT_EQ(plain.optimizer.momentum, 0.0);
  EXPECT_EQ(plain.optimizer.weight_decay, 0.0);
  const auto adam = resolve({{"local_learning_rate", "0.1"},
                             {"optimizer", "adamw"},
                             {"learning_rate", "0.01"},
                             {"momentum", "0.5"}});
  EXPECT_EQ(adam.learning_rate, 0.01);
  EXPECT_EQ(adam.optimizer.name, "adamw");
  for (const Settings& wrong : std::vector<Settings>{{{"local_steps", "5"}}, {{"proximal", "0.1"}}}) {
    try {
      resolve(wrong);
      FAIL() << wrong[0].first;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kConfiguration);
      EXPECT_NE(std::string(error.what()).find("HINT"), std::string::npos);
    }
  }
  EXPECT_EQ(experiment_hash(resolve({})), experiment_hash(resolve({{"local_learning_rate", "0"}})));
}

// A single local step of size a, the server's step 1: SGD with step a on the mean gradient.
TEST(LocalWork, OneStepIsSgd) {
  const Settings common{{"method", "sgd"}, {"epochs", "1"}, {"momentum", "0"}, {"weight_decay", "0"}};
  auto local = common, server = common;
  local.insert(local.begin(), {"local_learning_rate", "0.02"});
  server.emplace_back("learning_rate", "0.02");
  at::Tensor ends[2];
  for (int i = 0; i < 2; ++i) {
    const auto experiment = resolve(i == 0 ? local : server);
    const auto task = task_of(experiment);
    Training training(experiment, *task);
    while (!training.finished()) training.advance();
    ends[i] = training.weights().at("parameters").clone();
  }
  EXPECT_LT((ends[0] - ends[1]).abs().max().item<double>(), 1e-5);
}

TEST(LocalWork, ARunGoesOnBitForBitAndDropsWhatItIsTold) {
  const auto experiment = resolve({{"local_learning_rate", "0.05"},
                                   {"local_steps", "3"},
                                   {"proximal", "0.1"},
                                   {"participation", "0.5"},
                                   {"asleep", "drop"},
                                   {"epochs", "2"},
                                   {"rank", "2"},
                                   {"power", "100"}});
  const auto task = task_of(experiment);
  Training straight(experiment, *task), resumed(experiment, *task);
  EXPECT_EQ(straight.rounds(), 20);
  for (int i = 0; i < 4; ++i) straight.advance();
  NamedTensors saved;
  for (const auto& [name, tensor] : straight.state()) saved[name] = tensor.clone();
  std::int64_t empty = 0;
  const auto memory = saved.at("aggregator/memory/linear.weight");
  for (std::int64_t i = 0; i < memory.size(0); ++i) empty += memory[i].eq(0).all().item<bool>() ? 1 : 0;
  EXPECT_EQ(empty, 8) << "half of 16 workers sleep";
  while (!straight.finished()) straight.advance();
  resumed.load_state(saved);
  while (!resumed.finished()) resumed.advance();
  EXPECT_TRUE(at::equal(straight.weights().at("parameters"), resumed.weights().at("parameters")));
  EXPECT_GT(straight.summary().final_accuracy, 60);
}

TEST(LocalWork, SameBitsForEveryNumberOfThreads) {
  const auto experiment = resolve({{"task", "mnist_mlp"}, {"workers", "4"}, {"hidden", "[32]"}});
  const auto task = task_of(experiment);
  const auto start = task->initial_parameters();
  at::Tensor results[2];
  for (int threads = 1; threads <= 2; ++threads) {
    use_threads(threads);
    LocalWork work({.learning_rate = 0.1, .steps = 3}, *task);
    auto messages = at::zeros({4, task->layout().size});
    std::vector<double> losses(4);
    work.messages(start, 0, messages, losses, std::vector<char>(4, 1));
    results[threads - 1] = messages;
  }
  use_threads(1);
  EXPECT_TRUE(at::equal(results[0], results[1]));
}

}  // namespace
}  // namespace laser
