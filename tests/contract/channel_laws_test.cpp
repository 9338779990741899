// Laws that hold for every channel of the registry under methods of every kind of memory, with workers that
// differ in power and are now and then away.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <thread>

#include "laser/core/collect.hpp"
#include "laws.hpp"

namespace laser::contract {
namespace {

constexpr std::int64_t kWorkers = 3;
constexpr double kPower = 50.0;

struct Case {
  std::string channel;
  std::string method;
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.channel << '_' << c.method; }

class ChannelLaws : public testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] static Algorithm algorithm(const std::string& mode = "fast") {
    Algorithm a;
    a.compressor.rank = 2;
    a.compressor.compression_factor = 0.4;
    apply(find_recipe(GetParam().method), a);
    a.channel = GetParam().channel;
    a.channel_mode = mode;
    a.fading_draw = "tensor";
    a.power_shares = {1, 4};
    a.loss_rate = 0.2;
    return a;
  }
  [[nodiscard]] static double budget() {
    return make_channel(GetParam().channel)->noisy() ? kPower : static_cast<double>(INFINITY);
  }
};

INSTANTIATE_TEST_SUITE_P(Registry, ChannelLaws, testing::ValuesIn([] {
                           std::vector<Case> cases;
                           for (const auto& channel : channels()) {
                             for (const char* method : {"laser", "zsgd", "laser_matched", "laser_momentum"})
                               cases.push_back({channel.name, method});
                           }
                           return cases;
                         }()),
                         [](const auto& instance) {
                           return instance.param.channel + "_" + instance.param.method;
                         });

TEST_P(ChannelLaws, NoWorkerSendsMoreThanItsOwnBudget) {
  for (const char* mode : {"fast", "physical"}) {
    Solo solo(kWorkers);
    Aggregator aggregator(small_layout(), algorithm(mode), 1, solo, at::kDouble);
    for (std::int64_t t = 0; t < 3; ++t) {
      auto estimate = at::zeros({aggregator.layout().size}, at::kDouble);
      auto gradients = random_gradients(kWorkers, aggregator.layout().size, static_cast<std::uint32_t>(t));
      gradients[1].mul_(3);
      const auto report = aggregator.round(t, budget(), gradients, estimate);
      EXPECT_TRUE(at::isfinite(estimate).all().item<bool>());
      EXPECT_LE(report.budget_use, 1 + 1e-9);
      const auto channel = make_channel(GetParam().channel);
      if (!channel->noisy()) continue;
      const double total = std::accumulate(report.energy.begin(), report.energy.end(), 0.0);
      EXPECT_LE(total, kWorkers * kPower * (1 + 1e-9));
      const double budgets[] = {0.5 * kPower, 2 * kPower, 0.5 * kPower};
      for (std::size_t i = 0; i < 3 && !channel->shares_power(); ++i)
        EXPECT_LE(report.energy[i], budgets[i] * (1 + 1e-9));
    }
  }
}

TEST_P(ChannelLaws, PhysicalAndFastModeAgree) {
  at::Tensor estimates[2];
  for (int i = 0; i < 2; ++i) {
    Solo solo(kWorkers);
    Aggregator aggregator(small_layout(), algorithm(i == 0 ? "fast" : "physical"), 1, solo, at::kDouble);
    estimates[i] = run_rounds(aggregator, kWorkers, 0, 3, budget());
  }
  EXPECT_LT(relative_difference(estimates[1], estimates[0]), 1e-9);
}

TEST_P(ChannelLaws, ProcessesActAsOne) {
  Solo solo(kWorkers);
  Aggregator together(small_layout(), algorithm(), 1, solo, at::kDouble);
  const auto expected = run_rounds(together, kWorkers, 0, 2, budget());
  auto last = at::zeros({together.layout().size}, at::kDouble);
  const auto report =
      together.round(2, budget(), random_gradients(kWorkers, together.layout().size, 2), last);
  ThreadCollective::Board board(kWorkers);
  std::vector<at::Tensor> estimates(kWorkers);
  std::vector<RoundReport> reports(kWorkers);  // of the last round
  std::vector<std::thread> threads;
  for (std::int64_t rank = 0; rank < kWorkers; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadCollective collective(board, rank);
      Aggregator own(small_layout(), algorithm(), 1, collective, at::kDouble);
      std::vector<at::Tensor> rounds;
      for (std::int64_t t = 0; t < 3; ++t) {
        auto estimate = at::zeros({own.layout().size}, at::kDouble);
        const auto all = random_gradients(kWorkers, own.layout().size, static_cast<std::uint32_t>(t));
        reports[static_cast<std::size_t>(rank)] = own.round(t, budget(), all.narrow(0, rank, 1), estimate);
        rounds.push_back(estimate);
      }
      estimates[static_cast<std::size_t>(rank)] = at::stack(rounds);
    });
  }
  for (auto& thread : threads) thread.join();
  for (std::size_t rank = 0; rank < estimates.size(); ++rank) {
    EXPECT_LT(relative_difference(estimates[rank].narrow(0, 0, 2), expected), 1e-6);
    EXPECT_LT(relative_difference(estimates[rank][2], last), 1e-6);
    ASSERT_EQ(reports[rank].energy.size(), report.energy.size());
    for (std::size_t i = 0; i < report.energy.size(); ++i)
      EXPECT_NEAR(reports[rank].energy[i], report.energy[i], 1e-6 * (1e-9 + report.energy[i])) << rank;
    EXPECT_EQ(reports[rank].symbols, report.symbols);
    EXPECT_EQ(reports[rank].unheard, report.unheard);
  }
}

TEST_P(ChannelLaws, SaveAndLoadMidRunIsTheUninterruptedRun) {
  Solo solo(kWorkers);
  Aggregator straight(small_layout(), algorithm(), 1, solo, at::kFloat);
  run_rounds(straight, kWorkers, 0, 3, budget(), at::kFloat);
  NamedTensors saved;
  for (const auto& [name, tensor] : straight.state()) saved[name] = tensor.clone();
  const auto expected = run_rounds(straight, kWorkers, 3, 6, budget(), at::kFloat);
  Aggregator resumed(small_layout(), algorithm(), 1, solo, at::kFloat);
  resumed.load_state(saved);
  EXPECT_TRUE(at::equal(run_rounds(resumed, kWorkers, 3, 6, budget(), at::kFloat), expected));
}

/// Nobody knows beforehand that a message will be lost: it costs its energy, also where all are lost.
TEST_P(ChannelLaws, LostMessagesCostTheirEnergy) {
  int unheard = 0;
  for (const char* mode : {"fast", "physical"}) {
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
      std::vector<double> energies[2];
      for (const bool lossy : {false, true}) {
        auto a = algorithm(mode);
        a.compressor.transport = "alternating";
        a.loss_rate = lossy ? 0.7 : 0.0;
        Solo solo(kWorkers);
        Aggregator aggregator(small_layout(), a, seed, solo, at::kDouble);
        auto estimate = at::zeros({aggregator.layout().size}, at::kDouble);
        const auto report =
            aggregator.round(0, budget(), random_gradients(kWorkers, small_layout().size, 0), estimate);
        energies[lossy ? 1 : 0] = report.energy;
        unheard += report.unheard ? 1 : 0;
        EXPECT_LE(report.budget_use, 1 + 1e-9);
      }
      for (std::size_t i = 0; i < energies[0].size(); ++i) {
        EXPECT_NEAR(energies[1][i], energies[0][i], 1e-9 * energies[0][i]) << mode << " seed " << seed;
      }
    }
  }
  EXPECT_GT(unheard, 0);
}

/// Every channel decodes a mean: the weights of the workers that are heard add up to 1, whoever is away, and
/// on average where the receiver knows only the statistics of the gains. 400 rounds of 4 workers, half of
/// whose messages are lost; 5 standard errors as estimated from the rounds themselves, 0 where each sum is 1.
class ChannelMeans : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Registry, ChannelMeans, testing::ValuesIn(names_of(channels())),
                         [](const auto& instance) { return instance.param; });

TEST_P(ChannelMeans, WeightsOfTheWorkersThatAreHeardAddUpToOne) {
  auto algorithm = algorithm_of({.name = "identity"}, GetParam());
  algorithm.feedback = "none";
  algorithm.loss_rate = 0.5;
  Solo solo(4);
  Aggregator aggregator(vectors(1, 4), algorithm, 1, solo, at::kDouble);
  double sum = 0, squares = 0, rounds = 0;
  std::int64_t away = 0;
  for (std::int64_t t = 0; t < 400; ++t) {
    const auto weights = seen(aggregator, t, 4).weights[0];
    const auto lost = (weights.abs() < 1e-6).sum().item<std::int64_t>();
    if (lost == 4) continue;  // nobody is heard
    away += lost;
    const double total = weights.sum().item<double>();
    sum += total;
    squares += total * total;
    rounds += 1;
  }
  EXPECT_GT(away, 400);
  const double mean = sum / rounds, deviation = std::sqrt(std::max(0.0, squares / rounds - mean * mean));
  EXPECT_NEAR(mean, 1, 5 * deviation / std::sqrt(rounds) + 1e-5);
}

}  // namespace
}  // namespace laser::contract
