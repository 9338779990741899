#include "output.hpp"

#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "command_tree.hpp"
#include "laser/core/atomic_file.hpp"
#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/resources.hpp"
#include "laser/core/system_call.hpp"
#include "laser/record/reader.hpp"
#include "laser/record/writer.hpp"
#include "laser/report/figures.hpp"
#include "laser/report/write_report.hpp"
#include "progress.hpp"
#include "signals.hpp"

namespace laser {
namespace fs = std::filesystem;

namespace {

std::vector<std::string> setting_names() {
  Experiment experiment;
  OptionList list;
  describe(list, experiment);
  return names_of(list.all());
}

}  // namespace

bool is_setting_name(const std::string& name) {
  const auto names = setting_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_assignment(const std::string& item) {
  auto name = item.substr(0, item.find('='));
  if (name.size() == item.size()) return false;
  name.erase(name.find_last_not_of(' ') + 1);  // 'method = laser' is meant as it is written in a file
  // An empty name is left to whoever reads the setting, who says what is wrong with it.
  const bool plain = std::all_of(
      name.begin(), name.end(), [](unsigned char c) { return c == '_' || c == '-' || std::isalnum(c) != 0; });
  std::error_code ignored;
  return plain && (is_setting_name(name) || !fs::is_regular_file(item, ignored));
}

std::vector<std::string> settings_given_as_flags(const CLI::App& command, int argc, const char* const* argv) {
  std::vector<std::string> hints;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("--")) continue;
    const auto equals = std::min(word.find('='), word.size());
    if (command.get_option_no_throw(word.substr(0, equals)) != nullptr) continue;
    auto name = word.substr(2, equals - 2);
    std::replace(name.begin(), name.end(), '-', '_');
    if (!is_setting_name(name)) name = known_elsewhere_as(name);
    if (name.empty()) continue;
    const bool apart =
        equals == word.size() && i + 1 < argc && !std::string_view(argv[i + 1]).starts_with("--");
    const std::string value = equals < word.size() ? word.substr(equals + 1) : apart ? argv[i + 1] : "VALUE";
    hints.push_back(
        fmt::format("{} is a setting, not a flag. HINT: {}={}", word.substr(0, equals), name, value));
  }
  return hints;
}

namespace {

/// Throws where an item is no file, and a word that is the name or the value of a setting.
void refuse_a_word(const std::string& item, const std::vector<std::string>& items) {
  std::error_code ignored;
  if (fs::exists(item, ignored)) return;
  std::string meant = item.ends_with(".toml") ? "" : "method=laser, or the path of a TOML file";
  for (const auto& setting : all_settings()) {
    const bool is_value = std::ranges::find(setting.words, item) != setting.words.end();
    if (!is_value && setting.name != item) continue;
    const auto value = std::ranges::find(items, item) + 1;
    meant = fmt::format("{}={}", setting.name, is_value ? item : value == items.end() ? "VALUE" : *value);
    break;
  }
  if (meant.empty())
    fail(ExitCode::kConfiguration, "cannot read {}: No such file or directory. HINT: examples are in {}",
         item, (resource_root() / "configs").string());
  fail(ExitCode::kUsage, "'{}' is neither a setting nor a file. HINT: {}", item, meant);
}

}  // namespace

Settings read_arguments(const std::vector<std::string>& items) {
  Settings settings;
  bool has_file = false;
  if (std::ranges::find(items, "=") != items.end())
    fail(ExitCode::kUsage, "a setting is one word. HINT: without blanks, key=value, or in quotes");
  for (const auto& item : items) {
    if (is_assignment(item)) continue;
    if (has_file)
      fail(ExitCode::kUsage, "'{}': one configuration file is enough; settings are key=value", item);
    has_file = true;
    refuse_a_word(item, items);
    settings = read_settings(item);
  }
  for (const auto& item : items) {
    if (is_assignment(item)) settings.push_back(parse_assignment(item));
  }
  return settings;
}

FreshFolder::FreshFolder(const std::string& name) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm local{};
  localtime_r(&now, &local);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &local);
  const auto base = fmt::format("runs/{}-{}", name, stamp);
  create_folders("runs");
  // Made at once, so that of several programs that start in the same second each has its own.
  path_ = base;
  for (int i = 2; uninterrupted([&] { return mkdir(path_.c_str(), 0777); }) != 0; ++i) {
    if (errno != EEXIST) fail(ExitCode::kIo, "{}: can't create the folder: {}", path_, system_reason(errno));
    path_ = fmt::format("{}-{}", base, i);
  }
}

FreshFolder::~FreshFolder() {
  rmdir(path_.c_str());  // what holds something stays
}

int sweep_with_progress(const std::vector<Job>& jobs, SweepOptions options, const std::string& label,
                        bool quiet) {
  check_free(options.folder);
  catch_stop_signals();
  ProgressLine progress(label, quiet);
  options.stop = [] { return stop_signal() != 0; };
  options.progress = [&](double done, std::int64_t runs_done, std::int64_t runs) {
    progress.show(done, static_cast<double>(runs), fmt::format("{} of {} runs", runs_done, runs));
  };
  const auto result = run_sweep(jobs, options);
  progress.clear();
  for (const auto& failure : result.failures) std::cerr << "laser: failed: " << failure << '\n';
  if (result.interrupted) {
    std::cerr << fmt::format(
        "laser: interrupted with {} of {} runs complete; they are kept in {}. HINT: the same command with "
        "--resume goes on\n",
        result.completed, jobs.size(), options.folder);
    return 128 + stop_signal();
  }
  return result.failures.empty() ? 0 : static_cast<int>(ExitCode::kNonFinite);
}

int sweep_part(SweepOptions options, const std::string& part, const std::vector<Job>& jobs, bool quiet) {
  options.folder += "/" + part;
  options.extend = options.resume;
  options.resume = false;
  const int code = sweep_with_progress(jobs, options, part, quiet);
  return code == static_cast<int>(ExitCode::kNonFinite) ? 0 : code;
}

std::vector<Run> runs_of(const std::string& folder, const std::vector<Job>& jobs) {
  return collect(jobs, [&](const Job& job) { return read_run((fs::path(folder) / job.name).string()); });
}

namespace {

/// The settings that a run's method and task bring by themselves; none where this version does not know them.
std::map<std::string, std::string> brought_settings(const RunSummary& summary) {
  Experiment experiment;
  experiment.method = summary.method;
  experiment.task = summary.task;
  if (const auto data = summary.configuration.find("data"); data != summary.configuration.end())
    experiment.data = data->second;
  try {
    return to_map(without_wishes(experiment));
  } catch (const Error&) {
    return {};
  }
}

/// Writes the report and returns the terminal's text.
std::string written_report(const std::vector<std::string>& folders, const std::string& out) {
  ReportOptions options;
  options.python = figures_python();
  options.figures_script = (resource_root() / "python" / "laser" / "figures.py").string();
  options.defaults = brought_settings;
  return write_report(read_runs(folders), out, options);
}

}  // namespace

std::string make_report(const std::vector<std::string>& folders, const std::string& out) {
  (void)written_report(folders, out);
  return (fs::path(out) / "report.html").string();
}

void print_report(const std::vector<std::string>& folders, const std::string& out, bool json) {
  const auto text = written_report(folders, out);
  if (!json) {
    std::cout << text;
    return;
  }
  std::ostringstream content;
  content << std::ifstream(fs::path(out) / "summary.json").rdbuf();
  std::cout << content.str();
}

namespace {

std::string legend_line(const std::string& key, const std::string& value) {
  Experiment experiment;
  OptionList list;
  describe(list, experiment);
  const auto& option = list.find(key);
  return fmt::format("{:<19} {:<16} {}{}\n", key, value, option.sentence,
                     option.unit.empty() ? "" : fmt::format(" [{}]", option.unit));
}

}  // namespace

std::string axes_legend(const std::vector<Axis>& axes) {
  std::string text;
  for (const auto& axis : axes)
    text += legend_line(axis.key, fmt::format("{}", fmt::join(axis.values, ", ")));
  return text;
}

std::string settings_legend(const Settings& settings) {
  std::string text;
  for (const auto& [key, value] : settings) text += legend_line(key, value);
  return text + "all other settings have their defaults ('laser train --all')\n";
}

}  // namespace laser
