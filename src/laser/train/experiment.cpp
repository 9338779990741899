#include "laser/train/experiment.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include "laser/aggregate/describe.hpp"
#include "laser/channel/channel.hpp"
#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/named_choice.hpp"
#include "laser/data/unicode.hpp"
#include "laser/hash/sha256.hpp"
#include "laser/link/units.hpp"
#include "laser/power/allocation.hpp"
#include "laser/power/schedule.hpp"
#include "laser/train/gain_trace.hpp"
#include "laser/train/task.hpp"
#include "laser/train/transmission.hpp"
#include "laser/train/worker_options.hpp"

namespace laser {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();
constexpr const char* kMachineGroup = "machine";  // options of this group never change a result

ModelKind kind_of(const Experiment& e) { return model_of(e.task, e.model); }

bool is_language_model(const Experiment& e) { return kind_of(e) == ModelKind::kLanguage; }

/// A path that means the same in every folder, with the home folder for "~" (which no shell
/// puts there behind "data_dir=").
std::string whole_path(const char* setting, const std::string& path) {
  if (path.empty()) return path;
  if (valid_utf8_prefix(path) < path.size())
    fail(ExitCode::kConfiguration,
         "{} is not UTF-8, which config.toml can't hold. HINT: a link with a plain name to that folder",
         setting);
  const char* home = std::getenv("HOME");
  const bool of_home = home != nullptr && (path == "~" || path.starts_with("~/"));
  return std::filesystem::absolute(of_home ? home + path.substr(1) : path).lexically_normal().string();
}

/// The gains that the channel is to have, where it has them from a file.
void read_gains(Experiment& e) {
  auto& link = e.algorithm.link;
  link.gains = whole_path("gains", link.gains);
  if (find_row(channels(), "channel", e.algorithm.channel).needs != "gains") return;
  if (link.gains.empty()) {
    fail(ExitCode::kConfiguration,
         "channel = '{}' needs the file of its gains. HINT: gains=FILE, as docs/channels.md describes it",
         e.algorithm.channel);
  }
  link.trace = read_gain_trace(link.gains);
  if (link.trace->antennas > 0 && (link.phase_error != 0 || link.timing_error != 0)) {
    fail(ExitCode::kConfiguration,
         "{} has antennas, whose phases nobody compensates: no error is left of them. HINT: without "
         "phase_error and timing_error",
         link.gains);
  }
}

/// What the paper's experiment on a task has beside the defaults (spec 5).
void apply_task(Experiment& e) {
  if (!is_language_model(e)) return;
  e.workers = 4;
  e.batch_size = 15;
  e.epochs = 40;  // of 500 rounds
  e.learning_rate = 1e-3;
  e.schedule = "one_cycle";
  e.optimizer = {.name = "adamw", .beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 1e-3};
  e.width = 768;
  e.power = 10000;
}

/// The power that follows from the ratio, where that is given. A record tells both, and
/// they agree to rounding.
void apply_ratio(Experiment& e, bool power_given) {
  if (e.snr_db.empty() || !channel_traits(e.algorithm.channel).noisy) return;
  constexpr double kRounding = 1e-9;
  const double power = power_of_ratio(e, layout_of(e));
  if (!power_given) {
    e.power = power;
  } else if (std::abs(e.power - power) > kRounding * power) {
    fail(ExitCode::kConfiguration,
         "power = {:g} and snr_db = {} are both given, and contradict each other: method = {} has power = "
         "{:g} at that ratio. HINT: leave one of them out, or snr_db= takes it back",
         e.power, e.snr_db, e.method, power);
  }
}

}  // namespace

void describe(OptionList& list, Experiment& e) {
  auto& a = e.algorithm;
  list.group("method");
  list.add_choice("method", e.method, names_of(recipes()),
                  "a mix of parts: sets compressor, feedback, allocation, channel, receiver and momenta; "
                  "'laser list method' has a "
                  "sentence on each");
  describe(list, a.compressor);
  describe_round(list, a);
  describe_channel(list, a);
  const auto noisy = [&a] { return channel_traits(a.channel).noisy; };
  list.group("channel", noisy);
  list.add_real("power", e.power, 0, kInfinity, false, "energy per worker and round, noise variance 1",
                "average power budget P, also in decibels: 10dB");
  list.also_read([](const std::string& text) { return link::plain_power("power", text); });
  list.group("channel", [&e, noisy] { return noisy() && !e.snr_db.empty(); });
  list.add_text(
      "snr_db", e.snr_db,
      "in place of power: decibels of signal over noise in a symbol, from which power follows by the "
      "symbols that the method sends a round");
  list.restates_another();
  list.group("channel", noisy);
  list.add_choice("power_policy", e.power_policy, choice_names(kPowerPolicies), "the budget over time");
  list.group("channel", [&e, noisy] { return noisy() && e.power_policy != "constant"; });
  list.add_choice("power_period", e.power_period, {"epoch", "round"}, "what one step of the policy is");
  list.group("channel", [&e, noisy] { return noisy() && e.power_policy == "custom"; });
  list.add_real_list("power_levels", e.power_levels, "relative",
                     "shape of the custom policy, one number a period");
  list.group("channel", [&e, noisy] { return noisy() && e.power_policy == "power_law"; });
  list.add_real("power_exponent", e.power_exponent, -8, 8, false, "",
                "a of the power law: the budget is in proportion to (t + 1)^a");
  describe_links(list, e);

  list.group("training");
  list.add_choice("task", e.task, task_names(), "data set and model");
  list.add_integer("workers", e.workers, 1, 1000000, "", "number of workers k");
  list.add_integer("batch_size", e.batch_size, 1, kNoLimit, "examples per worker",
                   "mini-batch of each worker");
  list.add_integer("epochs", e.epochs, 1, 1000000, "", "passes over the data");
  list.add_integer("seed", e.seed, 0, kNoLimit, "", "names all random numbers of the run");
  describe_shards(list, e);
  describe_local_work(list, e);
  list.group("training");
  list.add_real("learning_rate", e.learning_rate, 0, kInfinity, true, "", "step size");
  list.add_choice("schedule", e.schedule, {"constant", "multistep", "one_cycle"},
                  "the step size over time; one_cycle: learning_rate is its peak");
  list.group("training", [&e] { return e.schedule == "multistep"; });
  list.add_real_list("milestones", e.milestones, "epochs", "where the step size falls");
  list.add_real("decay_factor", e.decay_factor, 0, 1, true, "", "of the step size at each milestone");
  list.group("training", [&e] { return e.schedule == "one_cycle"; });
  list.add_real("warmup_fraction", e.warmup_fraction, 0, 1, false, "", "share of the rounds until the peak");
  list.add_real("start_divisor", e.start_divisor, 0, kInfinity, true, "", "peak / first step size");
  list.add_real("end_divisor", e.end_divisor, 0, kInfinity, true, "", "first / last step size");
  describe(list, e.optimizer, [&e] { return is_language_model(e); });
  list.add_choice("message_scale", e.message_scale, {"grad", "learning_rate"},
                  "s of M = e + s g: the gradient itself, or the paper's gamma g");
  list.group("training", [&e] { return !is_language_model(e); });
  list.add_real("ema_decay", e.ema_decay, 0, 0.999999, false, "",
                "per round, of the averaged weights that the paper evaluates");
  list.group("training", [&e] { return e.spectrum_rank > 0; });
  list.add_integer("spectrum_rank", e.spectrum_rank, 0, 64, "",
                   "record the share of the gradients' energy in that many singular values; 0: none");

  const auto network = [&e] {
    return kind_of(e) == ModelKind::kResidual || kind_of(e) == ModelKind::kLanguage;
  };
  const auto residual = [&e] { return kind_of(e) == ModelKind::kResidual; };
  const auto cifar = [&e, residual] { return residual() && !has_own_data(e.task); };
  list.group("model", [&e] { return has_own_data(e.task); });
  list.add_text("data", e.data, "of your own: a folder for task=images, a file for task=tensors");
  list.add_choice("model", e.model, model_choices(),
                  "for your own data; an mlp has hidden layers, a resnet18 a width");
  list.group("model", [&e] { return kind_of(e) == ModelKind::kPerceptron; });
  list.add_real_list("hidden", e.hidden, "units", "of an MLP's hidden layers");
  list.younger_than_runs_with("[128]");
  list.group("model", cifar);
  list.add_integer("image_size", e.image_size, 8, 32, "pixels",
                   "side of the images: 32, or 16 or 8 by averaging, with crops in proportion");
  list.younger_than_runs_with("32");
  list.group("model", network);
  list.add_integer("width", e.width, 1, 8192, "",
                   "channels of a ResNet18's first stage; numbers a token of GPT-2");
  list.group("model", cifar);
  list.add_flag("augment", e.augment, "random crops and flips of the training images");
  list.add_integer("train_images", e.train_images, 0, kNoLimit, "", "used of those for training; 0: all");
  list.add_integer("test_images", e.test_images, 0, kNoLimit, "", "used of those for the test; 0: all");
  list.group("model", residual);
  list.add_flag("decay_norms", e.decay_norms, "weight decay on BatchNorm as well");
  list.group("model", network);
  list.add_choice("precision", e.precision, {"float32", "bfloat16"}, "numbers of activations");
  describe(list, e.language, [&e] { return is_language_model(e); });

  list.group(kMachineGroup);
  list.add_choice("device", e.device, {"auto", "cpu", "cuda"}, "where the model computes");
  list.add_integer("threads", e.threads, 0, 1024, "", "0: all cores for one run, one a run in a sweep");
  list.add_text("data_dir", e.data_dir,
                "folder of the data files, or of all data sets; empty: where 'laser data list' finds them");
  list.add_flag("verify_data", e.verify_data, "check the data files by SHA-256");
}

std::pair<std::string, std::string> parse_assignment(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    fail(ExitCode::kUsage, "'{}' is not of the form key=value. HINT: 'laser train --all' lists all keys",
         text);
  }
  const auto key = text.substr(0, text.find_last_not_of(' ', equals - 1) + 1);
  const auto value = text.find_first_not_of(' ', equals + 1);  // blanks around '=', as in a file
  return {key, text.substr(std::min(value, text.size()))};
}

Experiment resolve(const Settings& settings) {
  Experiment experiment;
  OptionList list;
  describe(list, experiment);
  for (const auto& [key, value] : settings) {
    if (key == "method" || key == "task" || key == "local_learning_rate") list.set(key, value);
  }
  apply_task(experiment);
  const auto& recipe = find_recipe(experiment.method);
  apply(recipe, experiment.algorithm);
  if (recipe.plain_rate > 0) {
    experiment.learning_rate = recipe.plain_rate;
    experiment.optimizer.momentum = 0;
  }
  if (experiment.local.enabled()) {  // the server takes the mean of what its workers came to, which is FedAvg
    experiment.learning_rate = 1;
    experiment.optimizer = {.momentum = 0};
    experiment.schedule = "constant";
  }
  for (const auto& [key, value] : settings) list.set(key, value);
  experiment.data_dir = whole_path("data_dir", experiment.data_dir);
  experiment.data = whole_path("data", experiment.data);
  read_gains(experiment);
  validate(experiment);
  apply_ratio(experiment, std::ranges::any_of(settings, [](const auto& s) { return s.first == "power"; }));
  return experiment;
}

void validate(const Experiment& e) {
  validate(e.algorithm);
  validate_workers(e);
  if (e.schedule == "multistep" && e.milestones.empty()) {
    fail(ExitCode::kConfiguration, "schedule = 'multistep' needs milestones. HINT: milestones=[80,120]");
  }
  if (e.schedule != "multistep" && !e.milestones.empty()) {
    fail(ExitCode::kConfiguration, "milestones are given, but schedule = '{}'. HINT: schedule=multistep",
         e.schedule);
  }
  for (const double epoch : e.milestones) {
    if (epoch != std::floor(epoch) || epoch < 0)
      fail(ExitCode::kConfiguration, "milestones: {} is not a whole number of epochs", epoch);
  }
  if (e.optimizer.rule != "plain" && e.optimizer.rule_acts_on == "momentum" && e.optimizer.name != "sgd") {
    fail(ExitCode::kConfiguration,
         "server_rule = '{}' acts on the momentum of optimizer=sgd, and optimizer = '{}'. HINT: "
         "rule_acts_on=received",
         e.optimizer.rule, e.optimizer.name);
  }
  if (has_own_data(e.task) && e.data.empty()) {
    fail(ExitCode::kConfiguration, "task = '{}' needs your data. HINT: {}", e.task,
         e.task == "images" ? "data=FOLDER, as docs/data.md describes it"
                            : "data=FILE.safetensors, as docs/data.md describes it");
  }
  if (e.image_size != 32 && e.image_size != 16 && e.image_size != 8) {
    fail(ExitCode::kConfiguration,
         "image_size = {}: images are averaged to 16 or 8 pixels. HINT: image_size=16", e.image_size);
  }
  if (e.hidden.empty())
    fail(ExitCode::kConfiguration, "hidden has no layer. HINT: hidden=128 or hidden=[256,64]");
  for (const double units : e.hidden) {
    if (units != std::floor(units) || units < 1 || units > 65536)
      fail(ExitCode::kConfiguration, "hidden: {} is not a whole number of units from 1 to 65536", units);
  }
  if (!channel_traits(e.algorithm.channel).noisy) return;
  if (e.power <= 0) {
    fail(
        ExitCode::kConfiguration,
        "power = {} must be above 0 on the channel '{}'. HINT: for exact communication set channel=noiseless",
        e.power, e.algorithm.channel);
  }
  if (e.power_policy == "custom") {
    if (e.power_period == "epoch")
      (void)power_schedule(PowerPolicy::custom, e.epochs, e.power, e.power_levels);
  } else if (!e.power_levels.empty()) {
    fail(ExitCode::kConfiguration,
         "power_levels is given, but power_policy = '{}'. HINT: set power_policy=custom", e.power_policy);
  }
}

std::map<std::string, std::string> to_map(const Experiment& experiment) {
  auto copy = experiment;
  OptionList list;
  describe(list, copy);
  std::map<std::string, std::string> result;
  for (const auto& option : list.all()) result[option.name] = option.get();
  return result;
}

namespace {

/// The options that can change a result.
std::map<std::string, std::string> relevant_settings(const Experiment& experiment) {
  auto copy = experiment;
  OptionList list;
  describe(list, copy);
  std::map<std::string, std::string> relevant;
  for (const auto& option : list.all()) {
    const bool said = option.unsaid.empty() || option.get() != option.unsaid;
    if (option.group != kMachineGroup && option.used() && said && !option.restates)
      relevant[option.name] = option.counted ? option.counted() : option.get();
  }
  return relevant;
}

}  // namespace

std::string experiment_hash(const Experiment& experiment) {
  std::string text;
  for (const auto& [name, value] : relevant_settings(experiment))
    text += fmt::format("{} = {}\n", name, value);
  return sha256_hex(text);
}

bool depends_on_epochs(const Experiment& e) {
  return e.schedule == "one_cycle" ||
         (channel_traits(e.algorithm.channel).noisy && e.power_policy != "constant");
}

std::map<std::string, std::string> course_settings(const Experiment& experiment) {
  auto relevant = relevant_settings(experiment);
  if (!depends_on_epochs(experiment)) relevant.erase("epochs");
  return relevant;
}

std::string course_hash(const Experiment& experiment) {
  auto copy = experiment;
  if (!depends_on_epochs(copy)) copy.epochs = 1;
  return experiment_hash(copy);
}

bool is_machine_setting(std::string_view name) {
  Experiment experiment;
  OptionList list;
  describe(list, experiment);
  return list.find(name).group == kMachineGroup;
}

Experiment without_wishes(const Experiment& experiment) {
  Settings brought{{"method", experiment.method}, {"task", experiment.task}};
  if (experiment.local.enabled())
    brought.emplace_back("local_learning_rate", number_text(experiment.local.learning_rate));
  if (has_own_data(experiment.task)) brought.emplace_back("data", experiment.data);
  return resolve(brought);
}

std::vector<std::string> unread_settings(const Settings& settings, const Experiment& experiment) {
  auto copy = experiment;
  auto plain = without_wishes(experiment);
  OptionList list, defaults;
  describe(list, copy);
  describe(defaults, plain);
  std::vector<std::string> unread;
  for (const auto& option : list.all()) {
    const bool given = std::any_of(settings.begin(), settings.end(),
                                   [&](const auto& setting) { return setting.first == option.name; });
    // Some options are used wherever they are not at their defaults.
    if (given && !option.used() && option.get() != defaults.find(option.name).fallback)
      unread.push_back(fmt::format("{} = {}", option.name, option.get()));
  }
  return unread;
}

std::string to_toml(const Experiment& experiment) {
  auto copy = experiment;
  OptionList list;
  describe(list, copy);
  std::string text, group;
  for (const auto& option : list.all()) {
    if (option.group != group) text += fmt::format("{}# {}\n", group.empty() ? "" : "\n", option.group);
    group = option.group;
    std::string value = option.get();
    if (option.kind == Option::Kind::kText) {
      std::string quoted;
      for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += byte < 0x20 || byte == 0x7F ? fmt::format("\\u{:04X}", byte) : std::string{c};
      }
      value = "\"" + quoted + "\"";
    }
    text += fmt::format("{} = {}\n", option.name, value);
  }
  return text;
}

std::string legend(const Experiment& experiment) {
  auto copy = experiment;
  OptionList list;
  describe(list, copy);
  std::string text, group;
  for (const auto& option : list.all()) {
    if (!option.used()) continue;
    text += fmt::format("{:<11}", option.group == group ? "" : option.group);
    group = option.group;
    const auto value = option.get();
    text += fmt::format("{:<19} {:<12} {}{}\n", option.name, value.empty() ? "-" : value, option.sentence,
                        option.unit.empty() ? "" : fmt::format(" [{}]", option.unit));
  }
  return text;
}

}  // namespace laser
