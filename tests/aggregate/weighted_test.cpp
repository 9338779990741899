// The receiver's matched weight, the feedback that keeps what was not applied, averages at the workers, and
// workers that are away or not heard.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "../contract/laws.hpp"
#include "laser/aggregate/presence.hpp"

namespace laser {
namespace {

using contract::random_gradients;
using contract::relative_difference;
using contract::small_layout;

constexpr std::int64_t kWorkers = 3;

Algorithm algorithm_of(const std::string& name) {
  auto algorithm = method(name);
  algorithm.compressor.rank = 2;
  return algorithm;
}

/// Memory of all tensors as [K, d]; zero where a tensor has none.
at::Tensor memories(Aggregator& aggregator) {
  auto all = at::zeros({kWorkers, aggregator.layout().size}, at::kDouble);
  for (std::size_t l = 0; l < aggregator.layout().layers.size(); ++l) {
    const auto& layer = aggregator.layout().layers[l];
    if (aggregator.memory(l).defined())
      all.narrow(1, layer.offset, layer.size).copy_(aggregator.memory(l).reshape({kWorkers, -1}));
  }
  return all;
}

TEST(MatchedWeight, IsOneOverOnePlusNoiseOverSignal) {
  const std::vector<Reception> blocks{{at::zeros({2, 5}), {0.5, 2.0}}};
  const std::vector<double> norms{1, 2, 30, 40, 5, 6};  // [3, 2]
  // Noise 5 (0.25 + 4) = 21.25; signal of workers 0 and 2: (5 + 61) / 2 = 33.
  EXPECT_DOUBLE_EQ(matched_weight(blocks, norms, std::vector<char>{1, 0, 1}), 33 / (33 + 21.25));
  EXPECT_EQ(matched_weight(blocks, std::vector<double>(6, 0.0), std::vector<char>{1, 1, 1}), 1.0);
}

// Rule B: every worker's memory is (1 - w) M with one w a tensor, which is 1 / (1 + d_l max N^2 /
// (k p_l sum N^2)).
TEST(Weighted, UncompressedMemoryIsWhatTheWeightLeftOut) {
  auto algorithm = algorithm_of("zsgd_matched");
  algorithm.allocation = "uniform";
  Solo solo(kWorkers);
  Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble);
  const auto gradients = random_gradients(kWorkers, small_layout().size, 0);
  auto estimate = at::zeros({small_layout().size}, at::kDouble);
  aggregator.round(0, 200.0, gradients, estimate);
  const auto layout = small_layout();
  for (const auto& layer : layout.layers) {
    const auto squares = gradients.narrow(1, layer.offset, layer.size).pow(2).sum(1);
    const double energy = 200.0 / static_cast<double>(small_layout().layers.size());
    const double lambda = static_cast<double>(layer.size) * squares.max().item<double>() /
                          (kWorkers * energy * squares.sum().item<double>());
    const auto kept = gradients.narrow(1, layer.offset, layer.size) * (1 - 1 / (1 + lambda));
    EXPECT_LT(relative_difference(memories(aggregator).narrow(1, layer.offset, layer.size), kept), 1e-12)
        << layer.name;
  }
}

// Rule A: what the server applied and what the workers kept add up, up to the channel's noise. With a noise
// source of zeros nothing else is left.
class NoNoise final : public NoiseSource {
 public:
  at::Tensor normal(at::IntArrayRef sizes, at::ScalarType type, const StreamKey&) override {
    return at::zeros(sizes, type);
  }
};

TEST(Weighted, WhatIsAppliedAndWhatIsKeptAddUpToTheMessage) {
  for (const char* name : {"laser_matched", "zsgd_matched"}) {
    for (const char* transport : {"alternating", "two_phase"}) {
      auto algorithm = algorithm_of(name);
      algorithm.compressor.transport = transport;
      Solo solo(kWorkers);
      Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble, std::make_unique<NoNoise>());
      auto before = at::zeros({kWorkers, small_layout().size}, at::kDouble);
      for (std::int64_t t = 0; t < 4; ++t) {
        const auto gradients = random_gradients(kWorkers, small_layout().size, static_cast<std::uint32_t>(t));
        auto estimate = at::zeros({small_layout().size}, at::kDouble);
        aggregator.round(t, 40.0, gradients, estimate);
        const auto after = memories(aggregator);
        const auto sum = estimate + after.mean(0);
        EXPECT_LT(relative_difference(sum, (before + gradients).mean(0)), 1e-10) << name << ' ' << t;
        EXPECT_GT(after.norm().item<double>(), 0.3 * gradients.norm().item<double>())
            << "the weight is below 1";
        before = after;
      }
    }
  }
}

TEST(Weighted, WithoutNoiseIsTheMethodWithoutWeight) {
  const std::pair<const char*, const char*> pairs[] = {{"laser_matched", "laser"}, {"zsgd_matched", "zsgd"}};
  for (const auto& [weighted, plain] : pairs) {
    at::Tensor estimates[2];
    for (int i = 0; i < 2; ++i) {
      auto algorithm = algorithm_of(i == 0 ? weighted : plain);
      algorithm.channel = "noiseless";
      Solo solo(kWorkers);
      Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble);
      estimates[i] = contract::run_rounds(aggregator, kWorkers, 0, 4, INFINITY);
    }
    EXPECT_LT(relative_difference(estimates[0], estimates[1]), 1e-12) << weighted;
  }
}

TEST(WorkerMomentum, SendsTheAverageOfTheGradients) {
  auto algorithm = algorithm_of("zsgd_momentum");
  algorithm.channel = "noiseless";
  algorithm.worker_momentum = 0.75;
  Solo solo(kWorkers);
  Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble);
  const auto estimates = contract::run_rounds(aggregator, kWorkers, 0, 5, INFINITY);
  auto expected = at::zeros({small_layout().size}, at::kDouble);
  for (std::uint32_t t = 0; t < 5; ++t)
    expected = 0.75 * expected + 0.25 * random_gradients(kWorkers, small_layout().size, t).mean(0);
  EXPECT_LT(relative_difference(estimates[4], expected), 1e-12);
}

// The exponent tempers the weight: (1 + lambda)^-a, from nothing at all to the matched weight.
TEST(Weighted, ExponentTempersTheWeight) {
  const auto estimate_with = [](double exponent) {
    auto algorithm = algorithm_of("zsgd_adaptive");
    algorithm.worker_momentum = 0;
    algorithm.receiver_exponent = exponent;
    Solo solo(kWorkers);
    Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble);
    return contract::run_rounds(aggregator, kWorkers, 0, 1, 10.0)[0];
  };
  const auto plain = estimate_with(0), matched = estimate_with(1), tempered = estimate_with(0.4);
  const auto layout = small_layout();
  for (const auto& layer : layout.layers) {
    const auto part = [&layer](const at::Tensor& flat) { return flat.narrow(0, layer.offset, layer.size); };
    const double weight = (part(matched).norm() / part(plain).norm()).item<double>();
    EXPECT_LT(weight, 0.9) << "noise matters here";
    EXPECT_LT(relative_difference(part(tempered), part(plain) * std::pow(weight, 0.4)), 1e-12) << layer.name;
  }
  EXPECT_EQ(algorithm_of("zsgd_adaptive").receiver_exponent, 0.4);
}

TEST(Presence, CountsAreExactAndEveryWorkerIsAsLikely) {
  std::vector<int> counts(10, 0);
  for (std::uint32_t t = 0; t < 5000; ++t) {
    const auto awake = awake_workers({1, Purpose::kTest, t, 0, 0}, 10, 0.3);
    int sum = 0;
    for (std::size_t i = 0; i < 10; ++i) {
      sum += awake[i];
      counts[i] += awake[i];
    }
    ASSERT_EQ(sum, 3);
  }
  // 5,000 rounds with probability 0.3: standard deviation 32.4; the bound is 5 of them.
  for (const int count : counts) EXPECT_NEAR(count, 1500, 5 * 32.4);
  int lost = 0;
  for (std::uint32_t t = 0; t < 1000; ++t) {
    const auto heard = without_losses({1, Purpose::kTest, t, 0, 1}, std::vector<char>(10, 1), 0.2);
    for (const char h : heard) lost += h == 0;
  }
  EXPECT_NEAR(lost, 2000, 5 * 40);  // 10,000 draws, standard deviation 40
  EXPECT_EQ(awake_workers({1, Purpose::kTest, 0, 0, 0}, 10, 0.001),
            awake_workers({1, Purpose::kTest, 0, 0, 0}, 10, 0.1));
  EXPECT_THROW(shares_of({1, 0}, 4), Error);
  EXPECT_EQ(shares_of({1, 3}, 4), (std::vector<double>{0.5, 1.5, 0.5, 1.5}));
}

/// One round after another in which the workers below are asleep or not heard.
struct Outcome {
  at::Tensor before, after, gradients, estimate;
  RoundReport report;
};
Outcome second_round(const Algorithm& algorithm, std::uint64_t seed = 1) {
  Solo solo(kWorkers);
  Aggregator aggregator(small_layout(), algorithm, seed, solo, at::kDouble);
  Outcome outcome;
  outcome.estimate = at::ones({small_layout().size}, at::kDouble);
  aggregator.round(0, 50.0, random_gradients(kWorkers, small_layout().size, 0), outcome.estimate);
  outcome.before = memories(aggregator);
  outcome.gradients = random_gradients(kWorkers, small_layout().size, 1);
  outcome.report = aggregator.round(1, 50.0, outcome.gradients, outcome.estimate, true);
  outcome.after = memories(aggregator);
  return outcome;
}

TEST(Absence, ASleepingWorkerKeepsItsMemoryAndALostMessageIsKeptWhole) {
  const auto tensor = small_layout().layers[0];
  for (const char* name : {"laser", "randomk", "laser_matched", "zsgd_matched"}) {
    auto algorithm = algorithm_of(name);
    algorithm.participation = 0.67;  // two of three
    const auto asleep = second_round(algorithm);
    int sleeping = 0;
    for (std::int64_t i = 0; i < kWorkers; ++i) {
      const auto row = [&](const at::Tensor& t) { return t[i].narrow(0, tensor.offset, tensor.size); };
      if (asleep.report.energy[static_cast<std::size_t>(i)] > 0) continue;
      ++sleeping;
      EXPECT_TRUE(at::equal(row(asleep.after), row(asleep.before))) << name;
    }
    EXPECT_EQ(sleeping, 1) << name;

    algorithm.participation = 1;
    algorithm.loss_rate = 0.5;
    int lost = 0;
    for (std::uint64_t seed = 1; seed < 6; ++seed) {
      const auto outcome = second_round(algorithm, seed);
      const auto heard = without_losses({seed, Purpose::kFading, 1, kPresenceLayer, 1},
                                        std::vector<char>(static_cast<std::size_t>(kWorkers), 1), 0.5);
      for (std::int64_t i = 0; i < kWorkers; ++i) {
        EXPECT_GT(outcome.report.energy[static_cast<std::size_t>(i)], 0) << name;  // it was sent all the same
        if (heard[static_cast<std::size_t>(i)] != 0) continue;
        ++lost;
        const auto message = (outcome.before + outcome.gradients)[i].narrow(0, tensor.offset, tensor.size);
        EXPECT_LT(relative_difference(outcome.after[i].narrow(0, tensor.offset, tensor.size), message), 1e-12)
            << name;
      }
    }
    EXPECT_GT(lost, 2) << name;
  }
}

TEST(Absence, WithoutAnActiveWorkerTheUpdateIsSkippedAndMemoryKeepsEverything) {
  for (const char* name :
       {"laser", "zsgd", "signum", "randomk", "sketch", "adsgd", "laser_matched", "laser_momentum"}) {
    for (const char* draw : {"round", "tensor"}) {
      auto algorithm = algorithm_of(name);
      algorithm.channel = "csit_trunc";
      algorithm.fading_draw = draw;
      algorithm.link.least_gain = 10;  // never reached: exp(-100)
      const auto outcome = second_round(algorithm);
      EXPECT_TRUE(outcome.report.nobody_heard) << name;
      EXPECT_EQ(outcome.estimate.abs().max().item<double>(), 0.0) << name;
      for (const double energy : outcome.report.energy) EXPECT_EQ(energy, 0.0) << name;
      if (std::string(name) == "laser" || std::string(name) == "randomk") {
        const auto tensor = small_layout().layers[0];
        const auto sum = random_gradients(kWorkers, small_layout().size, 0) + outcome.gradients;
        EXPECT_LT(relative_difference(outcome.after.narrow(1, tensor.offset, tensor.size),
                                      sum.narrow(1, tensor.offset, tensor.size)),
                  1e-12)
            << name;
      }
    }
  }
}

TEST(Configuration, WhatDoesNotGoTogetherIsToldWithTheWayOut) {
  const auto error_of = [](const Algorithm& algorithm) -> std::string {
    try {
      validate(algorithm);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kConfiguration);
      return error.what();
    }
    return "no error";
  };
  auto one_shot = algorithm_of("laser_matched");
  one_shot.compressor.transport = "one_shot";
  EXPECT_NE(error_of(one_shot).find("HINT: transport=alternating"), std::string::npos);
  auto mmse = algorithm_of("laser_matched");
  mmse.receiver = "mmse";
  EXPECT_NE(error_of(mmse).find("HINT: receiver=matched"), std::string::npos);
}

}  // namespace
}  // namespace laser
