// The round: allocations, feedback, receivers, diagnosis - what is not a law over compressors.
#include "laser/aggregate/aggregator.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "../contract/laws.hpp"
#include "laser/aggregate/describe.hpp"
#include "laser/core/options.hpp"

namespace laser {
namespace {

using contract::random_gradients;
using contract::relative_difference;
using contract::small_layout;

Algorithm algorithm_of(const std::string& name) {
  auto algorithm = method(name);
  algorithm.compressor.rank = 2;
  return algorithm;
}

at::Tensor one_round(const Algorithm& algorithm, const at::Tensor& gradients, double power,
                     std::uint64_t seed = 1, double scale = 1.0) {
  Solo solo(gradients.size(0));
  Aggregator aggregator(small_layout(), algorithm, seed, solo, gradients.scalar_type());
  auto estimate = at::zeros({small_layout().size}, gradients.options());
  aggregator.round(0, power, gradients, estimate, false, scale);
  return estimate;
}

/// All settings of a round, by name, as text.
std::map<std::string, std::string> described(Algorithm algorithm) {
  OptionList list;
  describe(list, algorithm.compressor);
  describe_round(list, algorithm);
  describe_channel(list, algorithm);
  std::map<std::string, std::string> values;
  for (const auto& option : list.all()) values[option.name] = option.get();
  return values;
}

TEST(Recipes, AreTheSevenMethodsOfTheSpecificationThenOurOwnThenTheDigitalOnesThenThoseOfOthers) {
  std::vector<std::string> names;
  for (const auto& recipe : recipes()) names.push_back(recipe.name);
  EXPECT_EQ(names, (std::vector<std::string>{"laser",         "zsgd",          "signum",
                                             "randomk",       "sketch",        "adsgd",
                                             "sgd",           "laser_matched", "zsgd_matched",
                                             "zsgd_momentum", "zsgd_adaptive", "laser_momentum",
                                             "swept",         "digital_qsgd",  "digital_powersgd",
                                             "ddsgd",         "otalc",         "obda",
                                             "efobda",        "cotaf",         "agetopk",
                                             "reed",          "adsgd_pilot",   "signum_momentum"}));
  EXPECT_THROW(find_recipe("lasre"), Error);
}

TEST(Recipes, SayWhatTheyChangeAndNothingElse) {
  for (const auto& recipe : recipes()) {
    EXPECT_EQ(recipe.settings.front().first, "compressor") << recipe.name;
    const auto whole = described(method(recipe.name));
    for (std::size_t i = 0; i < recipe.settings.size(); ++i) {
      const auto& [setting, value] = recipe.settings[i];
      EXPECT_EQ(whole.at(setting), value) << recipe.name << " " << setting;
      if (i == 0) continue;
      auto less = recipe;
      less.settings.erase(less.settings.begin() + static_cast<std::ptrdiff_t>(i));
      Algorithm without;
      apply(less, without);
      EXPECT_NE(described(without).at(setting), value)
          << recipe.name << " says " << setting << " for nothing";
    }
  }
  EXPECT_EQ(method("zsgd").allocation, "norm");
  EXPECT_EQ(method("signum").allocation, "sqrt_dim");
  EXPECT_EQ(method("zsgd").feedback, "none");
  auto used = method("swept");  // what another method said is gone
  apply(find_recipe("laser"), used);
  EXPECT_EQ(described(used), described(method("laser")));
}

TEST(Round, NoiselessSgdIsTheMean) {
  const auto gradients = random_gradients(5, small_layout().size, 0);
  EXPECT_LT(relative_difference(one_round(algorithm_of("sgd"), gradients, INFINITY), gradients.mean(0)),
            1e-14);
}

TEST(Round, SignumIsAMajorityVoteOfUnitEntries) {
  const auto gradients = random_gradients(5, small_layout().size, 0);
  const auto estimate = one_round(algorithm_of("signum"), gradients, 1e12);
  EXPECT_TRUE(at::equal(estimate, at::sign(at::sign(gradients).mean(0))));
}

TEST(Round, FullRankLaserWithoutNoiseIsTheMeanAfterTwoRounds) {
  auto algorithm = algorithm_of("laser");
  algorithm.channel = "noiseless";
  algorithm.compressor.rank = 64;
  algorithm.compressor.compress = "always";
  for (const char* transport : {"alternating", "two_phase"}) {
    algorithm.compressor.transport = transport;
    const auto gradients = random_gradients(3, small_layout().size, 0);
    Solo solo(3);
    Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble);
    auto total = at::zeros({small_layout().size}, at::kDouble);
    for (std::int64_t t = 0; t < 2; ++t) {
      auto estimate = at::zeros_like(total);
      aggregator.round(t, INFINITY, t == 0 ? gradients : at::zeros_like(gradients), estimate);
      total += estimate;  // what round 0 left over arrives in round 1
    }
    EXPECT_LT(relative_difference(total, gradients.mean(0)), 1e-9) << transport;
  }
}

TEST(Round, TakesGradientsWhereTheyLieAndLeavesTheEstimateThere) {
  const auto layout = small_layout();
  for (const std::int64_t workers : {1, 3}) {
    for (const char* name :
         {"laser", "zsgd", "signum", "randomk", "sketch", "laser_momentum", "laser_matched"}) {
      for (const char* feedback : {"none", "local"}) {
        auto algorithm = algorithm_of(name);
        if (algorithm.feedback != "weighted") algorithm.feedback = feedback;
        algorithm.participation = workers > 1 ? 0.7 : 1;
        Solo solo(workers);
        Aggregator whole(layout, algorithm, 1, solo, at::kDouble),
            apart(layout, algorithm, 1, solo, at::kDouble);
        for (std::int64_t t = 0; t < 4; ++t) {
          const auto gradients = random_gradients(workers, layout.size, static_cast<std::uint32_t>(t));
          auto expected = at::zeros({layout.size}, at::kDouble);
          const bool diagnosed = t == 2;
          const auto report = whole.round(t, 50, gradients, expected, diagnosed, 0.5);
          std::vector<at::Tensor> parts, places;
          for (const auto& layer : layout.layers) {
            parts.push_back(
                gradients.narrow(1, layer.offset, layer.size).clone(at::MemoryFormat::Contiguous));
            places.push_back(workers == 1 ? parts.back() : at::empty({layer.size}, at::kDouble));
          }
          const auto looked = apart.look(parts);
          EXPECT_EQ(looked[0].largest, gradients[0].abs().max().item<double>());
          const auto own =
              apart.round(t, 50, std::span<const at::Tensor>(parts), places, diagnosed, 0.5, looked);
          for (std::size_t l = 0; l < places.size(); ++l) {
            const auto flat = places[l].flatten();
            const auto& layer = layout.layers[l];
            EXPECT_TRUE(at::equal(flat, expected.narrow(0, layer.offset, layer.size))) << name << " " << t;
            EXPECT_LE(flat.abs().max().item<double>(), own.largest[l]) << name << " " << layer.name;
          }
          EXPECT_EQ(own.energy, report.energy) << name;
          EXPECT_EQ(own.lambda.has_value(), report.lambda.has_value());
          if (report.lambda) {
            EXPECT_NEAR(*own.lambda / *report.lambda, 1, 1e-12);
          }
        }
      }
    }
  }
}

TEST(Round, APartThatDoesNotFitIsRefusedByItsName) {
  const auto layout = small_layout();
  Solo solo(2);
  Aggregator aggregator(layout, algorithm_of("laser"), 1, solo, at::kDouble);
  std::vector<at::Tensor> parts, places;
  for (const auto& layer : layout.layers) {
    parts.push_back(at::zeros({2, layer.size}, at::kDouble));
    places.push_back(at::zeros({layer.size}, at::kDouble));
  }
  const auto refused = [&](const char* said) {
    try {
      aggregator.round(0, 1, std::span<const at::Tensor>(parts), places);
      ADD_FAILURE() << said;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kConfiguration);
      EXPECT_NE(std::string(error.what()).find(said), std::string::npos) << error.what();
    }
  };
  parts[1] = at::zeros({90, 2}, at::kDouble).t();  // the workers' numbers take turns
  refused("the gradients of tensor 'tall'");
  parts[1] = at::zeros({2, 90}, at::kDouble);
  places[2] = at::zeros({61}, at::kDouble);
  refused("the estimate of tensor 'conv'");
  places.pop_back();
  refused("places for 3 estimates");
  places.push_back(at::zeros({5}, at::kDouble));
  places[2] = at::zeros({60}, at::kDouble);
  parts[0][1][3] = INFINITY;
  EXPECT_EQ(aggregator.look(parts)[0].bad, -1);
  EXPECT_EQ(aggregator.look(parts)[1].bad, 0);
  parts[0][1][3] = 0;
  aggregator.round(0, 1, std::span<const at::Tensor>(parts), places);
}

TEST(Feedback, KeepsNothingTheOwnOrTheDecodedRemainder) {
  const auto gradients = random_gradients(2, small_layout().size, 0);
  for (const char* feedback : {"none", "local", "decoded"}) {
    auto algorithm = algorithm_of("laser");
    algorithm.feedback = feedback;
    Solo solo(2);
    Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble);
    auto estimate = at::zeros({small_layout().size}, at::kDouble);
    const auto report = aggregator.round(0, 30.0, gradients, estimate, true);
    const auto layer = small_layout().layers[0];
    if (std::string(feedback) == "none") {
      EXPECT_FALSE(aggregator.memory(0).defined());
      EXPECT_FALSE(report.memory_ratio.has_value());
      continue;
    }
    ASSERT_TRUE(aggregator.memory(0).defined());
    EXPECT_FALSE(aggregator.memory(3).defined()) << "a bias has no memory";
    const auto message = gradients.narrow(1, 0, layer.size).reshape({2, layer.rows, layer.columns});
    const auto kept = message - estimate.narrow(0, 0, layer.size).view({layer.rows, layer.columns});
    const bool equals_decoded = relative_difference(aggregator.memory(0), kept) < 1e-12;
    EXPECT_EQ(equals_decoded, std::string(feedback) == "decoded");
    EXPECT_GT(*report.memory_ratio, 0.1);
  }
}

TEST(Feedback, TheScaleOfTheMessageDoesNotMatterForConstantSteps) {
  const auto gradients = random_gradients(3, small_layout().size, 0);
  const auto plain = one_round(algorithm_of("laser"), gradients, 30.0);
  const auto scaled = one_round(algorithm_of("laser"), gradients, 30.0, 1, 0.01);
  EXPECT_LT(relative_difference(scaled, plain), 1e-12);
}

TEST(Receiver, GenieShrinkageLowersTheMeanSquareErrorAsInTheFormula) {
  // 400 rounds of independent noise on one gradient: MSE of the shrunk estimate is S D s^2 / (S + D s^2)
  // (spec 1.4). Its sample mean has a relative standard deviation of about sqrt(2 / (400 * 192)) = 0.005; the
  // bound is 5 of them.
  Layout layout;
  layout.add("vector", {192});
  const auto gradient = random_gradients(1, 192, 0);
  double error[2] = {0, 0};
  constexpr int kRounds = 400;
  for (int which = 0; which < 2; ++which) {
    auto algorithm = algorithm_of("zsgd");
    algorithm.receiver = which == 0 ? "unbiased" : "mmse_genie";
    Solo solo(1);
    Aggregator aggregator(layout, algorithm, 1, solo, at::kDouble);
    auto estimate = at::zeros({192}, at::kDouble);
    for (int t = 0; t < kRounds; ++t) {
      aggregator.round(t, 192.0, gradient, estimate);
      error[which] += (estimate - gradient[0]).pow(2).sum().item<double>() / kRounds;
    }
  }
  const double signal = gradient.pow(2).sum().item<double>();
  EXPECT_NEAR(error[0] / signal, 1.0, 0.025);  // D s^2 = 192 * S / 192
  EXPECT_NEAR(error[1] / signal, 0.5, 0.025);
}

TEST(Diagnosis, LambdaOfASingleMatrixIsTheFormula) {
  // k = 1, one matrix: lambda = n r / P in even rounds and m r / P in odd ones (spec 2.4 C). 300 rounds each
  // of 24 to 14 normals: relative standard deviation sqrt(2 / (300 * 14)) = 0.022; the bound is 5 of them.
  Layout layout;
  layout.add("weight", {7, 12});
  Solo solo(1);
  auto algorithm = algorithm_of("laser");
  algorithm.feedback = "none";
  Aggregator aggregator(layout, algorithm, 1, solo, at::kDouble);
  const auto gradient = random_gradients(1, 84, 0);
  auto estimate = at::zeros({84}, at::kDouble);
  double lambda[2] = {0, 0};
  for (int t = 0; t < 600; ++t) {
    const auto report = aggregator.round(t, 500.0, gradient, estimate, true);
    lambda[t % 2] += *report.lambda / 300;
    EXPECT_GT(*report.delta, 0);
    EXPECT_LT(*report.delta, 1);
  }
  EXPECT_NEAR(lambda[0] / (12 * 2 / 500.0), 1.0, 0.11);
  EXPECT_NEAR(lambda[1] / (7 * 2 / 500.0), 1.0, 0.11);
}

TEST(Configuration, ARankThatFitsNoLayerIsRefused) {
  auto algorithm = algorithm_of("laser");
  algorithm.compressor.rank = 60;
  Solo solo(1);
  try {
    Aggregator aggregator(small_layout(), algorithm, 1, solo);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfiguration);
    EXPECT_NE(std::string(error.what()).find("rank = 60 fits no layer"), std::string::npos);
  }
}

TEST(State, OfAnotherShapeIsRefused) {
  Solo solo(2);
  Aggregator aggregator(small_layout(), algorithm_of("laser"), 1, solo);
  auto state = aggregator.state();
  state["shared/wide/left"] = at::zeros({2, 3});
  EXPECT_THROW(aggregator.load_state(state), Error);
  state.erase("shared/wide/left");
  EXPECT_THROW(aggregator.load_state(state), Error);
}

}  // namespace
}  // namespace laser
