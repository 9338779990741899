// A folder for one test, removed at its end, and the run that tests write into it.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "laser/core/fail.hpp"
#include "laser/record/schema.hpp"

namespace laser {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "laser-test-XXXXXX").string();
    LASER_CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

inline void write_file(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

/// Runs `action` and returns the Error it throws; an Error (ok) with an empty text when it throws none.
template <class Action>
Error error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return {ExitCode::kOk, ""};
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A completed run in the setting of the paper's MNIST study.
inline RunSummary example_summary(const std::string& method, std::optional<double> power, std::uint64_t seed,
                                  double accuracy) {
  RunSummary summary;
  summary.status = "completed";
  summary.method = method;
  summary.task = "mnist";
  summary.power = power;
  summary.seed = seed;
  summary.epochs = 2;
  summary.rounds = 60;
  summary.best_ema_accuracy = accuracy;
  summary.final_accuracy = accuracy - 1;
  summary.budget_use = 1;
  summary.symbols_per_round = 804;
  summary.dense_symbols = 7850;
  summary.seconds = 2.5;
  summary.weights_hash = fmt::format("{}-{}-{}-{}", method, power.value_or(0), seed, accuracy);
  summary.configuration = {{"task", "mnist"},
                           {"workers", "16"},
                           {"batch_size", "128"},
                           {"epochs", "50"},
                           {"rank", "2"},
                           {"compression_factor", "0.1"},
                           {"seed", std::to_string(seed)}};
  return summary;
}

inline EpochRecord example_epoch(std::int64_t epoch, double accuracy) {
  EpochRecord record;
  record.epoch = epoch;
  record.round = 30 * epoch;
  record.ema_accuracy = accuracy;
  record.energy = {0.5, 0.25};
  return record;
}

/// The run of a summary as the reader would return it, with two epochs.
inline Run example_run(RunSummary summary) {
  Run run;
  run.folder = fmt::format("runs/{}-{}-{}", summary.method, summary.power.value_or(0), summary.seed);
  run.epochs = {example_epoch(1, summary.best_ema_accuracy - 10),
                example_epoch(2, summary.best_ema_accuracy)};
  run.summary = std::move(summary);
  run.versions = {{"laser", "0.1.0"}};
  return run;
}

}  // namespace laser
