// Laws that hold for every compressor of the registry; what differs is read from its traits, never from its
// name.
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "laws.hpp"

namespace laser::contract {
namespace {

constexpr std::int64_t kWorkers = 3;
constexpr double kPower = 50.0;

class CompressorLaws : public testing::TestWithParam<Variant> {
 protected:
  [[nodiscard]] Traits traits() const { return make_compressor(GetParam().options)->traits(); }
};

INSTANTIATE_TEST_SUITE_P(Registry, CompressorLaws, testing::ValuesIn(variants()),
                         [](const auto& variant) { return variant.param.name; });

TEST_P(CompressorLaws, NoWorkerSendsMoreThanItsBudget) {
  for (const char* allocation :
       {"uniform", "norm", "norm2", "comp_norm", "comp_norm2", "sqrt_dim", "param", "param2", "norm_dim"}) {
    for (const char* mode : {"fast", "physical"}) {
      auto algorithm = algorithm_of(GetParam().options);
      algorithm.allocation = allocation;
      algorithm.channel_mode = mode;
      Solo solo(kWorkers);
      Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble);
      for (std::int64_t t = 0; t < 3; ++t) {
        auto estimate = at::zeros({aggregator.layout().size}, at::kDouble);
        auto gradients = random_gradients(kWorkers, aggregator.layout().size, static_cast<std::uint32_t>(t));
        gradients[1].mul_(3);  // workers of different strength
        const auto report = aggregator.round(t, kPower, gradients, estimate);
        ASSERT_EQ(report.energy.size(), static_cast<std::size_t>(kWorkers));
        for (const double energy : report.energy) {
          EXPECT_LE(energy, kPower * (1 + 1e-9)) << allocation << ' ' << mode;
          EXPECT_GT(energy, 0) << allocation << ' ' << mode;
        }
      }
    }
  }
}

TEST_P(CompressorLaws, OneWorkerUsesItsWholeBudget) {
  Solo solo(1);
  Aggregator aggregator(small_layout(), algorithm_of(GetParam().options), 1, solo, at::kDouble);
  auto estimate = at::zeros({aggregator.layout().size}, at::kDouble);
  const auto report = aggregator.round(0, kPower, random_gradients(1, aggregator.layout().size, 0), estimate);
  EXPECT_NEAR(report.energy[0], kPower, 1e-9 * kPower);
}

// A setting that changes what is sent must be told in the table: a run is called by the settings that it
// uses.
TEST_P(CompressorLaws, SettingsThatChangeTheSymbolsAreTold) {
  const auto symbols_with = [](CompressorOptions options) {
    Solo solo(1);
    Aggregator aggregator(small_layout(), algorithm_of(options), 1, solo, at::kDouble);
    auto estimate = at::zeros({aggregator.layout().size}, at::kDouble);
    const auto gradients = random_gradients(1, aggregator.layout().size, 0);
    return aggregator.round(0, kPower, gradients, estimate).symbols;
  };
  auto ranked = GetParam().options, factored = GetParam().options;
  ranked.rank += 1;
  factored.compression_factor /= 2;
  const auto before = symbols_with(GetParam().options);
  const std::pair<const char*, CompressorOptions> changes[] = {{"rank", ranked},
                                                               {"compression_factor", factored}};
  for (const auto& [setting, options] : changes)
    EXPECT_EQ(symbols_with(options) != before, uses_setting(options.name, setting)) << setting;
}

TEST_P(CompressorLaws, PhysicalAndFastModeAgree) {
  at::Tensor estimates[2];
  for (int i = 0; i < 2; ++i) {
    auto algorithm = algorithm_of(GetParam().options);
    algorithm.channel_mode = i == 0 ? "fast" : "physical";
    Solo solo(kWorkers);
    Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble);
    estimates[i] = run_rounds(aggregator, kWorkers, 0, 3, kPower);
  }
  EXPECT_LT(relative_difference(estimates[1], estimates[0]), 1e-9);
}

TEST_P(CompressorLaws, VanishingNoiseGivesTheNoiselessAnswer) {
  at::Tensor estimates[2];
  for (int i = 0; i < 2; ++i) {
    Solo solo(kWorkers);
    Aggregator aggregator(small_layout(), algorithm_of(GetParam().options, i == 0 ? "noiseless" : "awgn"), 1,
                          solo, at::kDouble);
    // One pair of rounds: at sharp decisions (signs, largest entries) tiny noise may grow later on.
    estimates[i] = run_rounds(aggregator, kWorkers, 0, 2, i == 0 ? INFINITY : 1e26);
  }
  EXPECT_LT(relative_difference(estimates[1], estimates[0]), 1e-9);
}

TEST_P(CompressorLaws, ZeroGradientsStayFinite) {
  for (const char* channel : {"awgn", "noiseless"}) {
    Solo solo(kWorkers);
    Aggregator aggregator(small_layout(), algorithm_of(GetParam().options, channel), 1, solo, at::kFloat);
    const auto zeros = at::zeros({kWorkers, aggregator.layout().size});
    for (std::int64_t t = 0; t < 3; ++t) {
      auto estimate = at::zeros({aggregator.layout().size});
      aggregator.round(t, kPower, zeros, estimate, true);
      EXPECT_TRUE(at::isfinite(estimate).all().item<bool>());
      if (traits().linear) {
        EXPECT_EQ(estimate.abs().max().item<double>(), 0.0);
      }
    }
    auto estimate = at::zeros({aggregator.layout().size});
    aggregator.round(3, kPower, random_gradients(kWorkers, aggregator.layout().size, 3, at::kFloat),
                     estimate);
    EXPECT_TRUE(at::isfinite(estimate).all().item<bool>());
  }
}

TEST_P(CompressorLaws, SameKeySameBitsOtherKeyOtherBits) {
  at::Tensor estimates[3];
  for (int i = 0; i < 3; ++i) {
    Solo solo(kWorkers);
    Aggregator aggregator(small_layout(), algorithm_of(GetParam().options), i < 2 ? 1 : 2, solo, at::kFloat);
    estimates[i] = run_rounds(aggregator, kWorkers, 0, 4, kPower, at::kFloat);
  }
  EXPECT_TRUE(at::equal(estimates[0], estimates[1]));
  EXPECT_FALSE(at::equal(estimates[0], estimates[2]));
}

TEST_P(CompressorLaws, EstimateAndMemoryAddUpToTheMessage) {
  if (!traits().splits) GTEST_SKIP() << "the decoder does not return what the worker kept back";
  Solo solo(1);
  Aggregator aggregator(small_layout(), algorithm_of(GetParam().options, "noiseless"), 1, solo, at::kDouble);
  at::Tensor before = at::zeros({aggregator.layout().size}, at::kDouble);
  for (std::int64_t t = 0; t < 4; ++t) {
    const auto gradients = random_gradients(1, aggregator.layout().size, static_cast<std::uint32_t>(t));
    auto estimate = at::zeros_like(before);
    aggregator.round(t, INFINITY, gradients, estimate);
    auto after = at::zeros_like(before);
    for (std::size_t l = 0; l < aggregator.layout().layers.size(); ++l) {
      const auto& layer = aggregator.layout().layers[l];
      if (aggregator.memory(l).defined()) {
        after.narrow(0, layer.offset, layer.size).copy_(aggregator.memory(l)[0].reshape({-1}));
      }
    }
    EXPECT_LT(relative_difference(estimate + after, before + gradients[0]), 1e-10) << "round " << t;
    before = after;
  }
}

TEST_P(CompressorLaws, TheEstimateIsLinearInTheWorkersWhereItSaysSo) {
  if (!traits().linear) GTEST_SKIP();
  const auto gradients = random_gradients(kWorkers, small_layout().size, 0);
  at::Tensor estimates[2];
  for (int i = 0; i < 2; ++i) {
    const auto input = i == 0 ? gradients : gradients.mean(0, true);
    Solo solo(input.size(0));
    Aggregator aggregator(small_layout(), algorithm_of(GetParam().options, "noiseless"), 1, solo,
                          at::kDouble);
    estimates[i] = at::zeros({aggregator.layout().size}, at::kDouble);
    aggregator.round(0, INFINITY, input, estimates[i]);
  }
  EXPECT_LT(relative_difference(estimates[0], estimates[1]), 1e-10);
  if (traits().exact) {
    EXPECT_LT(relative_difference(estimates[0], gradients.mean(0)), 1e-12);
  }
}

TEST_P(CompressorLaws, ProcessesActAsOne) {
  Solo solo(kWorkers);
  Aggregator together(small_layout(), algorithm_of(GetParam().options), 1, solo, at::kDouble);
  const auto expected = run_rounds(together, kWorkers, 0, 4, kPower);
  ThreadCollective::Board board(kWorkers);
  std::vector<at::Tensor> estimates(kWorkers);
  std::vector<std::thread> threads;
  for (std::int64_t rank = 0; rank < kWorkers; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadCollective collective(board, rank);
      Aggregator own(small_layout(), algorithm_of(GetParam().options), 1, collective, at::kDouble);
      std::vector<at::Tensor> rounds;
      for (std::int64_t t = 0; t < 4; ++t) {
        auto estimate = at::zeros({own.layout().size}, at::kDouble);
        const auto all = random_gradients(kWorkers, own.layout().size, static_cast<std::uint32_t>(t));
        own.round(t, kPower, all.narrow(0, rank, 1), estimate);
        rounds.push_back(estimate);
      }
      estimates[static_cast<std::size_t>(rank)] = at::stack(rounds);
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& estimate : estimates) EXPECT_LT(relative_difference(estimate, expected), 1e-6);
}

TEST_P(CompressorLaws, SaveAndLoadMidRunIsTheUninterruptedRun) {
  std::map<std::string, bool> matters;  // negative control: a changed part of the state must change the run
  for (const std::int64_t save_at :
       {3, 4}) {  // alternating transports use one factor after odd, one after even rounds
    Solo solo(kWorkers);
    Aggregator straight(small_layout(), algorithm_of(GetParam().options), 1, solo, at::kFloat);
    run_rounds(straight, kWorkers, 0, save_at, kPower, at::kFloat);
    NamedTensors saved;
    for (const auto& [name, tensor] : straight.state()) saved[name] = tensor.clone();
    const auto expected = run_rounds(straight, kWorkers, save_at, save_at + 3, kPower, at::kFloat);
    const auto resumed_from = [&](const NamedTensors& state) {
      Aggregator resumed(small_layout(), algorithm_of(GetParam().options), 1, solo, at::kFloat);
      resumed.load_state(state);
      return run_rounds(resumed, kWorkers, save_at, save_at + 3, kPower, at::kFloat);
    };
    EXPECT_TRUE(at::equal(resumed_from(saved), expected));
    for (const auto& [name, tensor] : saved) {
      auto broken = saved;
      broken[name] = tensor + 0.5;
      matters[name] |= !at::equal(resumed_from(broken), expected);
    }
  }
  for (const auto& [name, changed] : matters) EXPECT_TRUE(changed) << name;
}

TEST_P(CompressorLaws, WithoutPowerNothingArrivesAndMemoryKeepsTheMessage) {
  Solo solo(kWorkers);
  Aggregator aggregator(small_layout(), algorithm_of(GetParam().options), 1, solo, at::kDouble);
  const auto gradients = random_gradients(kWorkers, aggregator.layout().size, 0);
  auto estimate = at::ones({aggregator.layout().size}, at::kDouble);
  const auto report = aggregator.round(0, 0.0, gradients, estimate, true);
  EXPECT_EQ(estimate.abs().max().item<double>(), 0.0);
  for (const double energy : report.energy) EXPECT_EQ(energy, 0.0);
  for (std::size_t l = 0; l < aggregator.layout().layers.size(); ++l) {
    const auto& layer = aggregator.layout().layers[l];
    if (!aggregator.memory(l).defined()) continue;
    const auto sent = gradients.narrow(1, layer.offset, layer.size).reshape(aggregator.memory(l).sizes());
    EXPECT_TRUE(at::equal(aggregator.memory(l), sent)) << layer.name;
  }
}

TEST_P(CompressorLaws, ScalesFrom1eMinus18To1e18AreOneProblem) {
  at::Tensor reference;
  for (const double scale : {1.0, 1e-18, 1e18}) {
    Solo solo(kWorkers);
    Aggregator aggregator(small_layout(), algorithm_of(GetParam().options), 1, solo, at::kFloat);
    auto estimate = at::zeros({aggregator.layout().size});
    const auto gradients = random_gradients(kWorkers, aggregator.layout().size, 0) * scale;
    aggregator.round(0, kPower, gradients.to(at::kFloat), estimate);
    ASSERT_TRUE(at::isfinite(estimate).all().item<bool>()) << scale;
    auto unscaled = estimate.to(at::kDouble);
    if (GetParam().options.name != "sign") unscaled = unscaled / scale;
    if (!reference.defined()) reference = unscaled;
    EXPECT_LT(relative_difference(unscaled, reference), 2e-4) << scale;
  }
}

TEST_P(CompressorLaws, NonFiniteGradientsAreNamed) {
  Solo solo(kWorkers);
  Aggregator aggregator(small_layout(), algorithm_of(GetParam().options), 1, solo, at::kFloat);
  auto gradients = random_gradients(kWorkers, aggregator.layout().size, 0, at::kFloat);
  gradients[2][aggregator.layout().layers[1].offset + 3] = std::nanf("");
  auto estimate = at::zeros({aggregator.layout().size});
  try {
    aggregator.round(7, kPower, gradients, estimate);
    FAIL() << "NaN went through";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kNonFinite);
    EXPECT_NE(std::string(error.what()).find("'tall' at worker 2 is not finite in round 7"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace laser::contract
