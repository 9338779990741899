// The configuration tree of a training run, and its one list of options.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "laser/aggregate/algorithm.hpp"
#include "laser/core/options.hpp"
#include "laser/data/sharding.hpp"
#include "laser/train/downlink.hpp"
#include "laser/train/language_options.hpp"
#include "laser/train/local_work.hpp"
#include "laser/train/optimizer.hpp"
#include "laser/train/settings.hpp"

namespace laser {

/// Everything that a run depends on. Defaults are the paper's MNIST experiment (spec 5, E4); tasks of
/// language models bring their own (E1).
struct Experiment {
  std::string method = "laser";
  Algorithm algorithm;
  double power = 1.0;                     // P, average energy per worker and round; noise variance 1
  std::string snr_db;                     // of a symbol, in place of the power; empty: by the power
  std::string power_policy = "constant";  // spec 3.1
  std::string power_period = "epoch";     // epoch | round: what one step of the policy is
  std::vector<double> power_levels;       // custom policy: one number a period
  double power_exponent = 0.8;            // power_law: a of (t + 1)^a

  std::string task = "mnist";
  std::string data;              // of one's own: a folder of images, or a file of tensors
  std::string model = "linear";  // for them
  std::int64_t workers = 16;
  std::int64_t batch_size = 128;
  std::int64_t epochs = 50;
  std::int64_t seed = 1;
  ShardingOptions shards;
  DownlinkOptions downlink;
  LocalOptions local;

  double learning_rate = 0.01;
  OptimizerOptions optimizer{.weight_decay = 1e-4};
  std::string message_scale = "grad";  // grad | learning_rate: s of M = e + s g (spec 2.3)
  double ema_decay = 0.99;
  std::int64_t spectrum_rank = 0;  // singular values counted in the records (spec 5, E7); 0: no spectra
  bool decay_norms = false;        // weight decay on normalisation as well

  std::string schedule = "constant";  // constant | multistep | one_cycle (spec 5)
  std::vector<double> milestones;     // multistep: epochs
  double decay_factor = 0.1;          // multistep
  double warmup_fraction = 0.02;      // one_cycle
  double start_divisor = 100;         // one_cycle
  double end_divisor = 0.05;          // one_cycle

  std::int64_t width = 64;            // ResNet18: channels of the first stage; GPT-2: numbers a token
  std::vector<double> hidden{128};    // units of an MLP's hidden layers, whole numbers
  std::int64_t image_size = 32;       // side of CIFAR's images: 32, or 16 or 8 by averaging
  bool augment = true;                // random crops and flips of images
  std::int64_t train_images = 0;      // used of the training data, from its start; 0: all
  std::int64_t test_images = 0;       // likewise of the test data
  std::string precision = "float32";  // of activations: float32 | bfloat16
  std::string device = "auto";        // auto | cpu | cuda
  LanguageOptions language;

  std::int64_t threads = 0;  // 0: all cores of a single run, one each in a sweep
  std::string data_dir;
  bool verify_data = true;
};

/// Binds every option of `experiment` to the list.
void describe(OptionList& options, Experiment& experiment);

/// Splits "key=value". Throws Error (usage) if there is no '='.
std::pair<std::string, std::string> parse_assignment(const std::string& text);

/// Defaults, then those of the task, then the recipe of the method, then the settings; checked as a whole.
/// Where the ratio snr_db is given, the power is the one that follows from it and the symbols of a round.
/// Throws Error (configuration), also where power and ratio are both given and contradict each other.
Experiment resolve(const Settings& settings);

/// Throws Error (configuration) where options that are fine alone don't go together.
void validate(const Experiment& experiment);

/// Every option as TOML, grouped and explained: resolving it gives the same experiment.
std::string to_toml(const Experiment& experiment);

/// Every option as text.
std::map<std::string, std::string> to_map(const Experiment& experiment);

/// The legend printed before a run: the options that matter, with value, unit and sentence.
std::string legend(const Experiment& experiment);

/// SHA-256 of all options that can change the result: equal experiments have equal hashes (64 hex digits).
std::string experiment_hash(const Experiment& experiment);

/// Those options, as text, but for the number of epochs where no round depends on it.
std::map<std::string, std::string> course_settings(const Experiment& experiment);

/// Whether what happens in a round depends on how many epochs there are: the step size of one_cycle, a budget
/// that changes over time.
bool depends_on_epochs(const Experiment& experiment);

/// Hash of what decides the rounds: as experiment_hash, but of any number of epochs where they do not depend
/// on it. Of two runs with equal ones the shorter is the beginning of the longer, bit for bit.
std::string course_hash(const Experiment& experiment);

/// Whether a setting says how and where to compute (threads, data_dir, ...) and never changes a result.
bool is_machine_setting(std::string_view name);

/// What method, task and local steps bring by themselves: the experiment with nothing else
/// that a user wished.
Experiment without_wishes(const Experiment& experiment);

/// The settings, "key = value", that this experiment does not read although they are not at their defaults:
/// of a method, channel or model that it has not.
std::vector<std::string> unread_settings(const Settings& settings, const Experiment& experiment);

}  // namespace laser
