// What an experiment sends is known beforehand: the same symbols as in its rounds, and from them the power
// that a signal-to-noise ratio means.
#include "laser/train/transmission.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "laser/aggregate/aggregator.hpp"
#include "laser/core/error.hpp"
#include "laser/model/shapes.hpp"
#include "laser/train/sweep.hpp"
#include "laser/train/task.hpp"
#include "laser/train/trainer.hpp"
#include "laser/train/tuning.hpp"

namespace laser {
namespace {

std::string error_of(const Settings& settings) {
  try {
    resolve(settings);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfiguration);
    return error.what();
  }
  return "no error";
}

/// Mean symbols of `rounds` rounds of the code that trains: an even and an odd one, or whole cycles.
double measured_symbols(const Experiment& e, const Layout& layout, std::int64_t rounds = 2) {
  Solo workers(1);
  Aggregator aggregator(layout, e.algorithm, 1, workers);
  const auto gradients = at::ones({1, layout.size});
  auto estimate = at::zeros({layout.size});
  double sum = 0;
  for (std::int64_t t = 0; t < rounds; ++t)
    sum += static_cast<double>(aggregator.round(t, 10, gradients, estimate).symbols);
  return sum / static_cast<double>(rounds);
}

TEST(Transmission, CountsTheSymbolsOfTheRoundsOfEveryMethod) {
  Layout layout;  // at rank 3 the second matrix is not worth factoring, and the last has a lower rank
  layout.add("wide", {12, 45});
  layout.add("small", {5, 6});
  layout.add("convolution", {16, 4, 3, 3});
  layout.add("thin", {2, 40});
  layout.add("bias", {7});
  use_threads(1);
  const auto expect_equal = [&](Settings settings) {
    settings.insert(settings.end(), {{"rank", "3"}, {"compression_factor", "0.13"}});
    const auto e = resolve(settings);
    constexpr std::int64_t kCycles = 2520;  // a multiple of every cycle of these matrices
    const auto rounds = e.algorithm.compressor.name == "sweep" ? kCycles : 2;
    EXPECT_NEAR(symbols_a_round(e, layout), measured_symbols(e, layout, rounds), 1e-9) << settings[0].second;
  };
  for (const auto& recipe : recipes()) expect_equal({{"method", recipe.name}});
  for (const char* transport : {"alternating", "two_phase", "one_shot"})
    for (const char* compress : {"saves", "always"})
      expect_equal({{"transport", transport}, {"compress", compress}});
}

TEST(Transmission, KnowsTheTensorsOfEveryTask) {
  for (const char* name : {"mnist", "mnist_mlp"}) {
    const auto e = resolve({{"task", name}, {"hidden", "[20, 30]"}});
    const auto task = make_task(load_task_data(task_options(e)), task_options(e));
    const auto known = layout_of(e), real = task->layout();
    ASSERT_EQ(known.layers.size(), real.layers.size()) << name;
    for (std::size_t l = 0; l < real.layers.size(); ++l)
      EXPECT_EQ(known.layers[l].shape, real.layers[l].shape) << name << " " << l;
  }
  // Those of the other tasks are the lists that their models are built from.
  EXPECT_EQ(layout_of(resolve({{"task", "cifar10"}})).size, model_layout("resnet18_cifar10").size);
  EXPECT_EQ(layout_of(resolve({{"task", "cifar100"}})).size, model_layout("resnet18_cifar100").size);
  EXPECT_EQ(layout_of(resolve({{"task", "wikitext103"}})).size, model_layout("gpt2").size);
}

TEST(Transmission, PowerFollowsFromTheRatioAndTheSymbols) {
  EXPECT_DOUBLE_EQ(resolve({{"method", "zsgd"}, {"snr_db", "-20"}}).power, 78.5);  // 7850 symbols
  // One linear layer of 10 x 784 at rank 2: 2 (10 + 784)/2 + 10 symbols.
  EXPECT_DOUBLE_EQ(resolve({{"rank", "2"}, {"snr_db", "10"}}).power, 8040);
  EXPECT_EQ(resolve({{"power", "10dB"}}).power, 10);
  EXPECT_EQ(resolve({{"downlink", "common"}, {"downlink_power", "40dB"}}).downlink.power, 1e4);
}

TEST(Transmission, ARatioIsThePowerInOtherWords) {
  const Settings by_ratio{{"method", "zsgd"}, {"snr_db", "-20"}};
  const Settings by_power{{"method", "zsgd"}, {"power", "78.5"}};
  EXPECT_EQ(experiment_hash(resolve(by_ratio)), experiment_hash(resolve(by_power)));
  EXPECT_EQ(experiment_hash(resolve({{"power", "20dB"}})), experiment_hash(resolve({{"power", "100"}})));
  // The record says both, and resolves to itself.
  const auto file = std::filesystem::temp_directory_path() / "laser-transmission-test.toml";
  const auto e = resolve({{"rank", "2"}, {"snr_db", "-13.7"}});
  std::ofstream(file) << to_toml(e);
  auto settings = read_settings(file.string());
  std::filesystem::remove(file);
  EXPECT_EQ(to_map(resolve(settings)), to_map(e));
  // With another rank the two contradict each other, until the ratio is taken back.
  settings.emplace_back("rank", "4");
  EXPECT_NE(error_of(settings).find("are both given"), std::string::npos);
  settings.emplace_back("snr_db", "");
  EXPECT_EQ(resolve(settings).power, e.power);
}

TEST(Transmission, RefusesPowerAndRatioTogetherAndWhatIsNoRatio) {
  const auto text = error_of({{"method", "zsgd"}, {"power", "1"}, {"snr_db", "-20"}});
  EXPECT_NE(text.find("power = 1 and snr_db = -20 are both given"), std::string::npos) << text;
  EXPECT_NE(text.find("power = 78.5 at that ratio. HINT: leave one of them out"), std::string::npos) << text;
  for (const char* wrong : {"loud", "nan", "inf", "201", "-201", "3dB"})
    EXPECT_NE(error_of({{"snr_db", wrong}}).find("snr_db"), std::string::npos) << wrong;
  EXPECT_NE(error_of({{"power", "xdB"}}).find("decibels"), std::string::npos);
  // Without noise there is no ratio: it is not read, and told so.
  EXPECT_EQ(unread_settings({{"snr_db", "3"}}, resolve({{"method", "sgd"}, {"snr_db", "3"}})).size(), 1U);
}

TEST(Transmission, SweepsAndTuningCompareMethodsAtEqualRatio) {
  const auto jobs = make_jobs({}, {{"method", {"laser", "zsgd"}}, {"snr_db", {"-20", "-10"}}});
  ASSERT_EQ(jobs.size(), 4U);
  EXPECT_EQ(jobs[3].name.find("zsgd_snr_db--10_"), 0U) << jobs[3].name;
  EXPECT_DOUBLE_EQ(jobs[3].experiment.power, 785);
  TuningPlan plan;
  plan.methods = {"laser", "zsgd"};
  plan.powers = {"-20", "-10"};
  plan.power_key = "snr_db";
  plan.rates = {"0.1"};
  const auto tuned = choosing_jobs(plan);
  ASSERT_EQ(tuned.size(), 4U);
  EXPECT_DOUBLE_EQ(tuned[2].experiment.power, 78.5);
  plan.base = {{"snr_db", "3"}};
  EXPECT_THROW(validate(plan), Error);
}

TEST(Transmission, IsToldInALine) {
  EXPECT_EQ(transmission_legend(resolve({{"method", "zsgd"}, {"power", "78.5"}}), linear_layout()),
            "air        P = 78.5, SNR = -20.00 dB a symbol, 7850.0 real symbols a round (3925.0 complex)\n");
  EXPECT_EQ(transmission_legend(resolve({{"method", "sgd"}}), linear_layout()),
            "air        no noise, 7850.0 real symbols a round (3925.0 complex)\n");
}

}  // namespace
}  // namespace laser
