// Configuration: recipes, overrides, error texts, and the hash that names a run.
#include "laser/train/experiment.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "laser/core/error.hpp"
#include "laser/train/sweep.hpp"

namespace laser {
namespace {

/// The text of the configuration error that the settings cause.
std::string error_of(const Settings& settings) {
  try {
    resolve(settings);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfiguration);
    return error.what();
  }
  return "no error";
}

TEST(Experiment, DefaultsAreThePapersMnistSetting) {
  const auto e = resolve({});
  EXPECT_EQ(e.method, "laser");
  EXPECT_EQ(e.algorithm.compressor.name, "low_rank");
  EXPECT_EQ(e.workers, 16);
  EXPECT_EQ(e.batch_size, 128);
  EXPECT_EQ(e.epochs, 50);
  EXPECT_DOUBLE_EQ(e.learning_rate, 0.01);
}

TEST(Experiment, AMethodIsARowThatSettingsOverride) {
  const auto e = resolve({{"feedback", "decoded"}, {"method", "zsgd"}, {"allocation", "uniform"}});
  EXPECT_EQ(e.algorithm.compressor.name, "identity");
  EXPECT_EQ(e.algorithm.feedback, "decoded");
  EXPECT_EQ(e.algorithm.allocation, "uniform");
}

TEST(Experiment, AMethodOfOurOwnBringsItsServerAndSettingsOverrideIt) {
  const auto e = resolve({{"method", "zsgd_momentum"}});
  EXPECT_EQ(e.optimizer.momentum, 0);
  EXPECT_DOUBLE_EQ(e.learning_rate, 0.1);
  EXPECT_DOUBLE_EQ(e.algorithm.worker_momentum, 0.99);
  EXPECT_DOUBLE_EQ(resolve({{"method", "laser_matched"}, {"learning_rate", "0.2"}}).learning_rate, 0.2);
  EXPECT_EQ(resolve({{"method", "laser_matched"}}).algorithm.receiver, "matched");
  // Younger than published runs: at its default it is no part of their hashes.
  EXPECT_EQ(experiment_hash(resolve({{"method", "laser_matched"}, {"receiver_exponent", "1"}})),
            experiment_hash(resolve({{"method", "laser_matched"}})));
  EXPECT_NE(experiment_hash(resolve({{"method", "laser_matched"}, {"receiver_exponent", "0.5"}})),
            experiment_hash(resolve({{"method", "laser_matched"}})));
}

// Every published run is called by the first eight digits of its configuration's hash.
TEST(Experiment, PublishedRunsKeepTheirNames) {
  int runs = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::filesystem::path(LASER_SOURCE_DIR) / "results")) {
    if (entry.path().filename() != "config.toml") continue;
    const auto name = entry.path().parent_path().filename().string();
    EXPECT_EQ(experiment_hash(resolve(read_settings(entry.path().string()))).substr(0, 8),
              name.substr(name.size() - 8))
        << entry.path();
    ++runs;
  }
  EXPECT_GE(runs, 57);
}

TEST(Experiment, OptionsYoungerThanPublishedRunsAreNoPartOfTheirHashes) {
  const std::map<std::string, std::pair<std::string, std::string>> values{
      {"fill_budget", {"false", "true"}}, {"rank_allocation", {"sqrt_kappa", "opt"}}};
  const Settings base{{"transport", "one_shot"}};
  for (const auto& [name, value] : values) {
    auto old = base, other = base;
    old.emplace_back(name, value.first);
    other.emplace_back(name, value.second);
    EXPECT_EQ(experiment_hash(resolve(old)), experiment_hash(resolve(base))) << name;
    EXPECT_NE(experiment_hash(resolve(other)), experiment_hash(resolve(base))) << name;
  }
}

TEST(Experiment, ErrorsNameTheKeyTheValueAndTheWayOut) {
  EXPECT_EQ(error_of({{"powr", "1"}}),
            "unknown key 'powr'; did you mean 'power'? HINT: 'laser train --all' lists all keys");
  EXPECT_EQ(error_of({{"rank", "0"}}), "rank = 0 is out of range: it must be 1 .. 64");
  EXPECT_EQ(error_of({{"rank", "two"}}), "rank = 'two' is not a whole number");
  EXPECT_EQ(
      error_of({{"power", "0"}}),
      "power = 0 must be above 0 on the channel 'awgn'. HINT: for exact communication set channel=noiseless");
  EXPECT_EQ(error_of({{"power", "-1"}}), "power = -1 is out of range: it must be at least 0");
  EXPECT_EQ(error_of({{"power", "nan"}}), "power = 'nan' is not a number");
  EXPECT_EQ(error_of({{"method", "lazer"}}), "method = 'lazer' is unknown; did you mean 'laser'?");
  EXPECT_EQ(error_of({{"device", "quantum"}}),
            "device = 'quantum' is unknown; choose one of auto, cpu, cuda");
  EXPECT_NE(error_of({{"power_levels", "[1, 2]"}}).find("power_policy = 'constant'"), std::string::npos);
  EXPECT_NE(error_of({{"power_policy", "custom"}, {"power_levels", "[1, 2]"}}), "no error");
  EXPECT_EQ(resolve({{"power", "0"}, {"channel", "noiseless"}}).power, 0);
}

TEST(Experiment, ResolvedConfigurationResolvesToItself) {
  const auto folder = std::filesystem::temp_directory_path() / "laser-experiment-test.toml";
  const auto e = resolve({{"method", "randomk"},
                          {"power_policy", "custom"},
                          {"epochs", "3"},
                          {"power_levels", "[1, 2.5, 0]"},
                          {"data_dir", "a \"quoted\" \\ folder"},
                          {"learning_rate", "0.1"}});
  std::ofstream(folder) << to_toml(e);
  const auto again = resolve(read_settings(folder.string()));
  std::filesystem::remove(folder);
  EXPECT_EQ(to_map(again), to_map(e));
  EXPECT_EQ(experiment_hash(again), experiment_hash(e));
}

TEST(Experiment, TheHashSeesWhatMattersAndNothingElse) {
  const auto base = experiment_hash(resolve({}));
  EXPECT_NE(experiment_hash(resolve({{"rank", "3"}})), base);
  EXPECT_NE(experiment_hash(resolve({{"seed", "2"}})), base);
  EXPECT_EQ(experiment_hash(resolve({{"threads", "7"}, {"data_dir", "x"}})), base);
  EXPECT_EQ(experiment_hash(resolve({{"decoder", "amp"}})), base) << "LASER has no such decoder";
  EXPECT_EQ(experiment_hash(resolve({{"method", "sgd"}, {"power", "1"}})),
            experiment_hash(resolve({{"method", "sgd"}, {"power", "10"}})));
}

TEST(Experiment, BrokenFilesAreToldWithTheirLine) {
  const auto path = (std::filesystem::temp_directory_path() / "laser-broken.toml").string();
  std::ofstream(path) << "rank = 2\npower = = 3\n";
  try {
    read_settings(path);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kConfiguration);
    EXPECT_NE(std::string(error.what()).find("line 2"), std::string::npos) << error.what();
  }
  std::ofstream(path) << "[laser]\nrank = 2\n";
  EXPECT_THROW(read_settings(path), Error);
  std::filesystem::remove(path);
  EXPECT_THROW(read_settings(path), Error);
}

TEST(Experiment, StringsKeepEveryLetter) {
  const auto path = (std::filesystem::temp_directory_path() / "laser-letters.toml").string();
  const auto value_of = [&](const std::string& written) {
    std::ofstream(path) << "# \u00E9 100 %\ndata_dir = " << written << "\n";
    return read_settings(path).at(0).second;
  };
  const std::string letters = "\u00E9 \uFEFE \U0001F4E1 100 % %41 %25 %";
  EXPECT_EQ(value_of('"' + letters + '"'), letters);
  EXPECT_EQ(value_of('\'' + letters + '\''), letters);
  EXPECT_EQ(value_of(R"("\u00e9\U0001F4E1 %41\t")"), "\u00E9\U0001F4E1 %41\t");
  // What is no UTF-8: cut off, longer than needed, half of a pair, beyond the last.
  for (const std::string bytes :
       {"\xC3", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xFF"})
    EXPECT_THROW(value_of('"' + bytes + '"'), Error);
  EXPECT_THROW(value_of("caf\u00E9"), Error);
  EXPECT_THROW(value_of(R"("\u002541")"), Error) << "not told from %41 after the letters are restored";
  std::filesystem::remove(path);
}

TEST(Sweep, AxesKeepBracketsTogether) {
  const auto axis = parse_axis("power_levels=[1,2],[2,1]");
  EXPECT_EQ(axis.values, (std::vector<std::string>{"[1,2]", "[2,1]"}));
  EXPECT_THROW(parse_axis("power=1,,2"), Error);
  EXPECT_THROW(parse_axis("power"), Error);
}

TEST(Sweep, EqualExperimentsAreOneJob) {
  const auto jobs =
      make_jobs({}, {{"method", {"laser", "sgd"}}, {"power", {"0.1", "1", "10"}}, {"seed", {"1", "2"}}});
  EXPECT_EQ(jobs.size(), 3u * 2 + 2);
  EXPECT_EQ(jobs[0].name.substr(0, 23), "laser_power-0.1_seed-1_");
  EXPECT_EQ(jobs.back().name.substr(0, 11), "sgd_seed-2_");
  EXPECT_THROW(make_jobs({}, {{"power", {"1", "x"}}}), Error);
}

}  // namespace
}  // namespace laser
