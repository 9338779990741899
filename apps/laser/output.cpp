#include "output.hpp"

#include <fmt/ranges.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "laser/core/error.hpp"
#include "laser/core/resources.hpp"
#include "laser/record/reader.hpp"
#include "laser/report/write_report.hpp"
#include "progress.hpp"
#include "signals.hpp"

namespace laser {
namespace fs = std::filesystem;

Settings read_arguments(const std::vector<std::string>& items) {
  Settings settings;
  bool has_file = false;
  for (const auto& item : items) {
    if (item.find('=') != std::string::npos) continue;
    if (has_file)
      fail(ExitCode::kUsage, "'{}': one configuration file is enough; settings are key=value", item);
    has_file = true;
    settings = read_settings(item);
  }
  for (const auto& item : items) {
    if (item.find('=') != std::string::npos) settings.push_back(parse_assignment(item));
  }
  return settings;
}

std::string fresh_folder(const std::string& name) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm local{};
  localtime_r(&now, &local);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &local);
  const auto base = fmt::format("runs/{}-{}", name, stamp);
  auto folder = base;
  for (int i = 2; fs::exists(folder); ++i) folder = fmt::format("{}-{}", base, i);
  return folder;
}

int sweep_with_progress(const std::vector<Job>& jobs, SweepOptions options, const std::string& label,
                        bool quiet) {
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
        "--resume "
        "goes on\n",
        result.completed, jobs.size(), options.folder);
    return 128 + stop_signal();
  }
  return result.failures.empty() ? 0 : static_cast<int>(ExitCode::kNonFinite);
}

void print_report(const std::vector<std::string>& folders, const std::string& out, bool json) {
  const auto runs = read_runs(folders);
  ReportOptions options;
  const char* python = std::getenv("LASER_PYTHON");
  options.python = python != nullptr && *python != '\0' ? python : "python3";
  options.figures_script = (resource_root() / "python" / "laser" / "figures.py").string();
  const auto text = write_report(runs, out, options);
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
  return text + "all other settings have their defaults ('laser train --help')\n";
}

std::string option_help() {
  Experiment experiment;
  OptionList list;
  describe(list, experiment);
  std::string text = "Settings (key=value here, or lines of the TOML file):\n", group;
  for (const auto& option : list.all()) {
    if (option.group != group) text += fmt::format("  {}\n", option.group);
    group = option.group;
    text += fmt::format("    {:<19} {} [{}{}; default {}]\n", option.name, option.sentence,
                        option.range.empty() ? "text" : option.range,
                        option.unit.empty() ? "" : "; " + option.unit,
                        option.fallback.empty() ? "empty" : option.fallback);
  }
  return text;
}

}  // namespace laser
