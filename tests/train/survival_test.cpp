// Runs and sweeps under kill -9: after a resume everything is bit for bit what it is without, and a restore
// that leaves something out is caught. Processes are forked before any thread is started, so a trial costs a
// fraction of a second.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <thread>

#include "../data/small_language.hpp"
#include "../data/synthetic_images.hpp"
#include "laser/record/reader.hpp"
#include "laser/train/checkpoint.hpp"
#include "laser/train/sweep.hpp"
#include "laser/train/task_data.hpp"
#include "laser/train/training.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;
using std::chrono::duration;
using std::chrono::steady_clock;

/// A run that is trained again and again: its data, its settings, and where it ends, in the
/// middle of an epoch.
struct Trial {
  std::shared_ptr<TaskData> data;
  Experiment experiment;
  std::int64_t rounds;
};

Trial linear() {
  return {load_task_data({}), resolve({{"epochs", "3"}, {"rank", "2"}, {"batch_size", "64"}}), 160};
}

/// ResNet18 of width 8, 48 images for 4 workers: 6 rounds an epoch.
Trial residual() {
  static const TemporaryFolder folder;
  write_file(folder / "train.bin", synthetic_records(0, 48, false));
  write_file(folder / "test.bin", synthetic_records(48, 8, false));
  const RecordFormat format{3073, {10}};
  return {
      cifar_data({ColorImages({folder / "train.bin"}, format), ColorImages({folder / "test.bin"}, format)}),
      resolve({{"task", "cifar10"},
               {"width", "8"},
               {"workers", "4"},
               {"batch_size", "2"},
               {"rank", "1"},
               {"epochs", "4"},
               {"spectrum_rank", "2"},
               {"power", "100"}}),
      20};
}

/// A GPT-2 of width 8 with dropout, two mini-batches a worker and round.
Trial language() {
  static const SmallLanguage folder;
  const auto experiment = resolve({{"task", "wikitext2"},
                                   {"data_dir", folder.path().string()},
                                   {"layers", "2"},
                                   {"width", "8"},
                                   {"heads", "2"},
                                   {"context", "16"},
                                   {"vocabulary", "300"},
                                   {"batch_size", "3"},
                                   {"accumulation", "2"},
                                   {"rank", "1"},
                                   {"epochs", "9"},
                                   {"epoch_rounds", "6"},
                                   {"evaluation_batches", "2"}});
  return {load_task_data(task_options(experiment)), experiment, 50};
}

/// Trains until the trial's last round, from the checkpoint in the folder where there is one.
void train_on(const Trial& trial, const std::string& folder, std::int64_t checkpoint_rounds) {
  use_threads(1);
  const auto path = folder + "/checkpoint.safetensors";
  if (fs::exists(path)) {  // killed between the last checkpoint and the summary: nothing is left to do
    const auto state = read_checkpoint(path).tensors;
    if (state.contains("progress/round") &&
        state.at("progress/round").item<double>() == static_cast<double>(trial.rounds))
      return;
  }
  const bool begun = fs::exists(folder + "/config.toml");  // killed before, it begins anew
  const RunFiles files{checkpoint_rounds, true, begun};
  std::int64_t done = 0;
  RunControl control;
  control.progress = [&](const Progress& progress) { done = progress.rounds_done; };
  control.stop = [&] { return done == trial.rounds; };
  (void)train_into(folder, trial.experiment, trial.data, control, "test", files);
}

/// Runs `work` in a process of its own and kills it after `seconds`; whether it had ended by itself.
template <class Work>
bool ends_within(double seconds, Work&& work) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      work();
    } catch (...) {
      _exit(1);
    }
    _exit(0);
  }
  const auto start = steady_clock::now();
  for (int status = 0; duration<double>(steady_clock::now() - start).count() < seconds;) {
    if (waitpid(child, &status, WNOHANG) == child) {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
      return true;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return false;
}

constexpr double kForever = 600;

/// Bytes of all that a run leaves that may not differ: the state in its checkpoint (weights, memories and all
/// else), the best weights, the metrics.
std::map<std::string, std::string> remains(const std::string& folder) {
  std::map<std::string, std::string> bytes;
  for (const auto& [name, tensor] : read_checkpoint(folder + "/checkpoint.safetensors").tensors) {
    const auto values = tensor.contiguous();
    bytes[name] = std::string(static_cast<const char*>(values.data_ptr()), values.nbytes());
  }
  for (const char* file : {"metrics.jsonl", "best.safetensors"}) bytes[file] = read_file(folder + "/" + file);
  return bytes;
}

/// Names that differ, for messages.
std::string difference(const std::map<std::string, std::string>& a,
                       const std::map<std::string, std::string>& b) {
  std::string names;
  for (const auto& [name, bytes] : a) {
    const auto other = b.find(name);
    if (other == b.end() || other->second != bytes) names += name + " ";
  }
  return names + (a.size() == b.size() ? "" : "(number of names)");
}

/// $LASER_KILLS, or `otherwise`.
int kills(int otherwise) {
  const char* given = std::getenv("LASER_KILLS");
  return given != nullptr ? std::atoi(given) : otherwise;
}

/// Kills a run at `kills` random moments, each in a run of its own, and compares what the resumed run leaves.
void expect_survives(const Trial& trial, int kills) {
  const TemporaryFolder folder;
  const auto start = steady_clock::now();
  ASSERT_TRUE(ends_within(kForever, [&] { train_on(trial, folder / "whole", 1 << 30); }));
  double whole = duration<double>(steady_clock::now() - start).count();
  const auto expected = remains(folder / "whole");
  std::mt19937 random(1);
  std::uniform_real_distribution<double> moment(0.0, 1.0);
  int identical = 0, killed = 0;
  for (int i = 0; i < kills; ++i) {
    const auto run = folder / std::to_string(i);
    // A run that ended before its moment came shows that the machine is faster now: another one, earlier.
    for (bool ended = true; ended && whole > 1e-3;) {
      fs::remove_all(run);
      ended = ends_within(moment(random) * whole, [&] { train_on(trial, run, 2); });
      if (ended) whole *= 0.8;
      killed += ended ? 0 : 1;
    }
    // A process that died before it had begun properly leaves nothing to go on with.
    if (!fs::exists(run + "/metrics.jsonl")) fs::remove_all(run);
    ASSERT_TRUE(ends_within(kForever, [&] { train_on(trial, run, 2); })) << "kill " << i;
    const auto found = remains(run);
    EXPECT_EQ(difference(expected, found), "") << "kill " << i;
    identical += found == expected ? 1 : 0;
  }
  EXPECT_EQ(identical, kills);
  EXPECT_EQ(killed, kills);
  std::printf("%d of %d runs killed, %d ended as if they had not been\n", killed, kills, identical);
}

TEST(Survival, OfALinearModel) { expect_survives(linear(), kills(10)); }

TEST(Survival, OfAResNet) { expect_survives(residual(), kills(10)); }

TEST(Survival, OfALanguageModel) { expect_survives(language(), kills(6)); }

// Each part of the state in turn keeps what it was at the start: the end must differ, or the comparison above
// could not see a part that the checkpoint forgets.
TEST(Survival, ARestoreThatLeavesAPartOutIsCaught) {
  const auto trial = residual();
  ASSERT_TRUE(ends_within(kForever, [&] {  // threads stay in that process
    use_threads(1);
    const auto at = [&](std::int64_t rounds, const NamedTensors* state) {
      const auto task = make_task(trial.data, task_options(trial.experiment));
      Training training(trial.experiment, *task);
      if (state != nullptr) training.load_state(*state);
      while (training.rounds_done() < rounds) training.advance();
      NamedTensors copy;
      for (const auto& [name, tensor] : training.state()) copy[name] = tensor.clone();
      return copy;
    };
    const auto equal = [](const NamedTensors& a, const NamedTensors& b) {
      return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto& entry) {
               const auto other = b.find(entry.first);
               return other != b.end() && at::equal(entry.second, other->second);
             });
    };
    const auto early = at(1, nullptr), middle = at(8, nullptr), end = at(trial.rounds, nullptr);
    LASER_CHECK(equal(at(trial.rounds, &middle), end));  // with all parts it is the same
    for (const std::string part :
         {"parameters", "optimizer/", "average/", "statistics_average/", "gradient_average/",
          "aggregator/memory/", "aggregator/shared/", "task/", "progress/round", "progress/epoch/"}) {
      auto state = middle;
      int parts = 0;
      for (auto& [name, tensor] : state) {
        if (!name.starts_with(part)) continue;
        tensor = early.at(name);
        ++parts;
      }
      LASER_CHECK(parts > 0);
      if (equal(at(trial.rounds, &state), end)) fail(ExitCode::kBug, "nothing notices that {} is lost", part);
    }
  }));
}

TEST(Survival, OfASweep) {
  const TemporaryFolder folder;
  (void)load_task_data({});
  const auto jobs =
      make_jobs({{"epochs", "2"}, {"rank", "2"}}, {{"method", {"laser", "zsgd"}}, {"seed", {"1", "2"}}});
  const auto sweep = [&](const std::string& into, bool resume) {
    SweepOptions options;
    options.folder = into;
    options.parallel = 2;
    options.resume = resume;
    options.checkpoint_rounds = 5;
    LASER_CHECK(run_sweep(jobs, options).completed == static_cast<std::int64_t>(jobs.size()));
  };
  const auto table = [&](const std::string& from) {
    std::map<std::string, std::string> results;
    for (const auto& job : jobs) {
      const auto run = read_run(from + "/" + job.name);
      results[job.name] =
          run.summary.status + run.summary.weights_hash + read_file(run.folder + "/metrics.jsonl");
    }
    return results;
  };
  const auto start = steady_clock::now();
  ASSERT_TRUE(ends_within(kForever, [&] { sweep(folder / "whole", false); }));
  double whole = duration<double>(steady_clock::now() - start).count();
  const auto expected = table(folder / "whole");
  std::mt19937 random(2);
  std::uniform_real_distribution<double> moment(0.0, 1.0);
  const auto killed = folder / "killed";
  int kills = 0;
  for (int i = 0; i < 10; ++i) {
    const bool begun = fs::exists(killed + "/sweep.json");
    if (!ends_within(moment(random) * whole, [&] { sweep(killed, begun); })) ++kills;
    if (i % 2 == 1) {  // two kills a sweep
      ASSERT_TRUE(ends_within(kForever, [&] { sweep(killed, fs::exists(killed + "/sweep.json")); }));
      EXPECT_EQ(table(killed), expected) << "after kill " << i;
      fs::remove_all(killed);
    }
  }
  EXPECT_GE(kills, 5);
}

/// What a resume says of a checkpoint that `damage` has changed; nothing in the folder may change.
std::string refusal(const std::string& folder, const Trial& trial,
                    const std::function<void(std::string&)>& damage) {
  const auto path = folder + "/checkpoint.safetensors";
  const auto whole = read_file(path);
  auto bytes = whole;
  damage(bytes);
  write_file(path, bytes);
  const auto files = [&] {
    std::map<std::string, std::string> contents;
    for (const auto& name : names_in(folder)) contents[name] = read_file(folder + "/" + name);
    return contents;
  };
  const auto before = files();
  const auto error = error_of([&] { train_on(trial, folder, 2); });
  EXPECT_EQ(error.code(), ExitCode::kData) << error.what();
  EXPECT_TRUE(files() == before) << "something was overwritten";
  write_file(path, whole);
  return error.what();
}

// Last, for it uses threads in this process.
TEST(Survival, ADamagedCheckpointIsRefusedAndNothingIsOverwritten) {
  const TemporaryFolder folder;
  auto trial = linear();
  trial.rounds = 20;
  const auto run = folder / "run";
  train_on(trial, run, 2);
  trial.rounds = 40;
  const auto path = run + "/checkpoint.safetensors";
  EXPECT_TRUE(contains(refusal(run, trial, [](auto& bytes) { bytes.resize(bytes.size() / 2); }), path));
  EXPECT_TRUE(contains(refusal(run, trial, [](auto& bytes) { bytes.clear(); }), path));
  for (const double place : {0.001, 0.3, 0.6, 0.999}) {
    const auto flip = [&](std::string& bytes) {
      auto& byte = bytes[static_cast<std::size_t>(place * static_cast<double>(bytes.size()))];
      byte = static_cast<char>(byte ^ 4);
    };
    EXPECT_TRUE(contains(refusal(run, trial, flip), path));
  }
  const auto changed = [&](const std::function<void(Checkpoint&)>& change) {
    return refusal(run, trial, [&](std::string& bytes) {
      auto checkpoint = read_checkpoint(path);
      for (const char* checksum : {"sha256", "header_sha256"}) checkpoint.texts.erase(checksum);
      change(checkpoint);
      write_checkpoint(folder / "changed", checkpoint);
      bytes = read_file(folder / "changed");
    });
  };
  const auto shape = [](Checkpoint& c) { c.tensors["parameters"] = c.tensors["parameters"].slice(0, 1); };
  EXPECT_TRUE(contains(changed(shape), "no 'parameters' of the right shape"));
  EXPECT_TRUE(
      contains(changed([](Checkpoint& c) { c.tensors.erase("optimizer/velocity"); }), "optimizer/velocity"));
  EXPECT_TRUE(contains(changed([](Checkpoint& c) { c.texts["experiment"] = "0"; }), "another experiment"));
  EXPECT_TRUE(
      contains(changed([](Checkpoint& c) { c.texts["format"] = "1"; }), "not a checkpoint of this version"));
  // Checksums say that a file is whole, not that it is meant well.
  for (const double number : {std::nan(""), -1.0, 1e18, 1e300}) {
    for (const std::string name : {"progress/round", "progress/epochs", "progress/epoch/rounds"}) {
      const auto set = [&](Checkpoint& c) { c.tensors[name] = at::scalar_tensor(number, at::kDouble); };
      EXPECT_TRUE(contains(changed(set), "the saved state")) << name << ' ' << number;
    }
  }
  for (const auto& [name, tensor] : read_checkpoint(path).tensors) {
    if (name == "progress/round") continue;  // read by train_on as well
    const auto shrink = [&](Checkpoint& c) { c.tensors[name] = at::zeros({3}, tensor.options()); };
    EXPECT_TRUE(contains(changed(shrink), path)) << name;
  }
  const auto at_start = [](Checkpoint& c) {
    c.tensors["progress/round"] = at::scalar_tensor(0.0, at::kDouble);
    c.tensors["optimizer/velocity"] = at::zeros({3});
  };
  EXPECT_TRUE(contains(changed(at_start), "optimizer/velocity"));
  EXPECT_TRUE(contains(changed([](Checkpoint& c) { c.tensors.erase("average/remaining"); }), "average"));
}

}  // namespace
}  // namespace laser
