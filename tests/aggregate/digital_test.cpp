// Rounds over a digital link (spec 1.5): bits, symbols and energies, what a tensor without bits does, and the
// estimate's mean and error.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "laser/aggregate/aggregator.hpp"
#include "laser/channel/quantise.hpp"
#include "laser/laws/world.hpp"

namespace laser {
namespace {

using laws::random_gradients;
using laws::small_layout;

constexpr std::int64_t kWorkers = 3;

Algorithm algorithm_of(const char* name, double scale_bits = 0) {
  auto algorithm = method(name);
  algorithm.compressor.rank = 2;
  algorithm.scale_bits = scale_bits;
  return algorithm;
}

Layout one_vector(std::int64_t size) {
  Layout layout;
  layout.add("vector", {size});
  return layout;
}

/// P at which 3 workers with N symbols together have `bits` bits each.
double power_of(double symbols, double bits) {
  return symbols / kWorkers * (std::exp2(2 * kWorkers * bits / symbols) - 1);
}

TEST(DigitalRound, AirTimeIsThatOfZsgdOrOfLaserAtARank) {
  const auto layout = small_layout();
  for (const char* name : {"digital_qsgd", "digital_powersgd", "ddsgd"}) {
    auto algorithm = algorithm_of(name);
    Solo solo(kWorkers);
    for (const std::int64_t rank : {0, 1, 2}) {
      algorithm.air_rank = rank;
      std::int64_t symbols = 0, laser = 0;
      Aggregator digital(layout, algorithm, 1, solo, at::kDouble);
      auto analog = method("laser");
      analog.compressor.rank = std::max<std::int64_t>(rank, 1);
      Aggregator air(layout, analog, 1, solo, at::kDouble);
      for (std::int64_t t = 0; t < 2; ++t) {
        auto estimate = at::zeros({layout.size}, at::kDouble);
        const auto gradients = random_gradients(kWorkers, layout.size, 0);
        symbols += digital.round(t, 100, gradients, estimate).symbols;
        laser += air.round(t, 100, gradients, estimate).symbols;
      }
      EXPECT_EQ(symbols, rank == 0 ? 2 * layout.size : laser) << name << " " << rank;
    }
  }
}

TEST(DigitalRound, WhoSendsSpendsItsWholeBudget) {
  for (const char* name : {"digital_qsgd", "digital_powersgd", "ddsgd"}) {
    for (const char* transport : {"alternating", "two_phase"}) {
      auto algorithm = algorithm_of(name);
      algorithm.compressor.transport = transport;
      algorithm.power_shares = {1, 2, 3};
      Solo solo(kWorkers);
      Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble);
      auto estimate = at::zeros({small_layout().size}, at::kDouble);
      const auto report =
          aggregator.round(0, 1e6, random_gradients(kWorkers, small_layout().size, 0), estimate);
      for (std::size_t i = 0; i < 3; ++i)
        EXPECT_NEAR(report.energy[i] / (1e6 * static_cast<double>(i + 1) / 2), 1, 1e-12) << name << " " << i;
      EXPECT_NEAR(report.budget_use, 1, 1e-12);
    }
  }
}

// 4,000 rounds with 2 levels a number: the mean of the estimates is the mean of the gradients, and their mean
// square error is a ninth of the sum of the workers' (M/s)^2 f (1 - f). Five standard errors, each number's.
TEST(DigitalRound, QsgdIsUnbiasedWithTheErrorOfTheFormula) {
  constexpr std::int64_t kSize = 12, kRounds = 4000;
  Solo solo(kWorkers);
  Aggregator aggregator(one_vector(kSize), algorithm_of("digital_qsgd"), 1, solo, at::kDouble);
  const auto gradients = random_gradients(kWorkers, kSize, 0);
  const double power = power_of(kSize, kSize * std::log2(5.0) + 1e-6);
  auto mean = at::zeros({kSize}, at::kDouble), square = at::zeros({kSize}, at::kDouble);
  for (std::int64_t t = 0; t < kRounds; ++t) {
    auto estimate = at::zeros({kSize}, at::kDouble);
    const auto report = aggregator.round(t, power, gradients, estimate, t == 0);
    mean += estimate / kRounds;
    square += (estimate - gradients.mean(0)).square() / kRounds;
    if (t == 0) {  // lambda counts the quantiser's error as the noise that it is
      const double error = (estimate - gradients.mean(0)).square().sum().item<double>();
      EXPECT_NEAR(report.lambda.value() / (error / gradients.mean(0).square().sum().item<double>()), 1, 1e-9);
    }
  }
  const auto largest = gradients.abs().amax({1}, true);
  const auto level = gradients.abs() / largest * 2;
  const auto part = level - level.floor();
  const auto variance = ((largest / 2).square() * part * (1 - part)).sum(0) / (kWorkers * kWorkers);
  for (std::int64_t j = 0; j < kSize; ++j) {
    const double expected = variance[j].item<double>();
    EXPECT_NEAR(mean[j].item<double>(), gradients.mean(0)[j].item<double>(),
                5 * std::sqrt(expected / kRounds))
        << j;
    EXPECT_NEAR(square[j].item<double>(), expected,
                5 * 2 * expected / std::sqrt(static_cast<double>(kRounds)))
        << j;
  }
}

TEST(DigitalRound, ScalesArePaidForInBits) {
  constexpr std::int64_t kSize = 12;
  const auto gradients = random_gradients(1, kSize, 0);
  Solo solo(1);
  const auto estimate_of = [&](double bits, double scale_bits) {
    Aggregator aggregator(one_vector(kSize), algorithm_of("digital_qsgd", scale_bits), 1, solo, at::kDouble);
    auto estimate = at::zeros({kSize}, at::kDouble);
    aggregator.round(0, kSize * (std::exp2(2 * bits / kSize) - 1), gradients, estimate);
    return estimate;
  };
  EXPECT_TRUE(at::equal(estimate_of(40, 0), estimate_of(52, 12)));
  EXPECT_FALSE(at::equal(estimate_of(40, 0), estimate_of(40, 12)));
  EXPECT_EQ(estimate_of(12, 12).abs().max().item<double>(), 0.0);
}

// A tensor for which there are not even bits for one number is not sent: its memory keeps all, the others do
// not get its bits, and its energy is not spent.
TEST(DigitalRound, ATensorWithoutBitsWaits) {
  Layout layout;
  layout.add("weight", {20, 30});
  layout.add("short", {2, 2});
  auto algorithm = algorithm_of("digital_qsgd");
  algorithm.feedback = "local";
  Solo solo(kWorkers);
  Aggregator aggregator(layout, algorithm, 1, solo, at::kDouble);
  const auto gradients = random_gradients(kWorkers, layout.size, 0);
  auto estimate = at::zeros({layout.size}, at::kDouble);
  const double power = power_of(604, 100);  // a sixth of a bit a symbol
  const auto report = aggregator.round(0, power, gradients, estimate);
  EXPECT_GT(estimate.narrow(0, 0, 600).abs().max().item<double>(), 0.0);
  EXPECT_EQ(estimate.narrow(0, 600, 4).abs().max().item<double>(), 0.0);
  EXPECT_TRUE(at::equal(aggregator.memory(1), gradients.narrow(1, 600, 4).view({kWorkers, 2, 2})));
  EXPECT_NEAR(report.energy[0] / power, 600 / 604.0, 1e-12);
  EXPECT_EQ(report.symbols, 604);
}

// What D-DSGD sends arrives as it was: the mean of the workers' own messages, and their
// memories keep the rest.
TEST(DigitalRound, DdsgdIsReceivedExactly) {
  constexpr std::int64_t kSize = 200;
  Solo solo(kWorkers);
  Aggregator aggregator(one_vector(kSize), algorithm_of("ddsgd", 32), 1, solo, at::kDouble);
  const auto gradients = random_gradients(kWorkers, kSize, 0);
  auto estimate = at::zeros({kSize}, at::kDouble);
  const auto report = aggregator.round(0, power_of(kSize, 120), gradients, estimate, true);
  const auto left = aggregator.memory(0).view({kWorkers, kSize});
  EXPECT_LT((estimate - (gradients - left).mean(0)).abs().max().item<double>(), 1e-14);
  EXPECT_NEAR(report.lambda.value(), 0, 1e-20);
  for (std::int64_t i = 0; i < kWorkers; ++i) {
    const auto sent = gradients[i] - left[i];
    const auto places = sent.abs().gt(1e-12).sum().item<std::int64_t>();
    EXPECT_GT(places, 10);
    EXPECT_LT(places, 30);  // log2(200 choose 20) = 90.4
  }
}

TEST(DigitalRound, FewerWorkersHaveMoreBitsEach) {
  auto algorithm = algorithm_of("digital_qsgd");
  double error[2];
  for (const bool half : {false, true}) {
    algorithm.participation = half ? 1.0 / 3 : 1.0;
    Solo solo(kWorkers);
    Aggregator aggregator(one_vector(100), algorithm, 1, solo, at::kDouble);
    const auto gradient = random_gradients(1, 100, 0);
    auto estimate = at::zeros({100}, at::kDouble);
    aggregator.round(0, 1e4, gradient.expand({kWorkers, 100}).contiguous(), estimate);
    error[half ? 1 : 0] = (estimate - gradient[0]).square().sum().item<double>();
  }
  EXPECT_LT(error[1], error[0] / 4);
}

}  // namespace
}  // namespace laser
