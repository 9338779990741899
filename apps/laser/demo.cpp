// laser demo: LASER and raw gradients side by side in seconds, with a picture in the terminal.
#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <optional>

#include "commands.hpp"
#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/resources.hpp"
#include "output.hpp"

namespace laser {
namespace {

/// A run of the demonstration. The step sizes are those that the study chose on held-out
/// images for short runs.
struct Contender {
  const char* method;
  const char* title;
  double power;
  const char* learning_rate;
};
constexpr std::array kContenders{Contender{"laser", "LASER", 1, "0.005"},
                                 Contender{"zsgd", "raw gradients", 1, "0.0005"},
                                 Contender{"zsgd", "raw gradients", 16, "0.0025"}};
constexpr std::size_t kBarWidth = 24;

std::vector<Job> contending_jobs() {
  const auto base = read_settings((resource_root() / "configs" / "headline-mlp.toml").string());
  return collect(kContenders, [&](const Contender& contender) {
    auto settings = base;
    for (const auto& [key, value] : Settings{{"epochs", "3"},
                                             {"threads", "1"},
                                             {"method", contender.method},
                                             {"power", fmt::format("{:g}", contender.power)},
                                             {"learning_rate", contender.learning_rate}}) {
      settings.emplace_back(key, value);
    }
    return make_job(settings, fmt::format("{}_power-{:g}", contender.method, contender.power));
  });
}

/// What the three runs say of the power that raw gradients need for LASER's accuracy.
std::string verdict(double laser, double equal, double more) {
  const double times = kContenders[2].power / kContenders[1].power;
  if (laser >= more) return fmt::format("raw gradients need more than {:g} times LASER's power", times);
  if (laser <= equal) return "raw gradients need no more power than LASER here";
  const double between = std::pow(times, (laser - equal) / (more - equal));
  return fmt::format("raw gradients need about {:.0f} times LASER's power", between);
}

std::string picture(const std::vector<Run>& runs) {
  const auto accuracy = [](const Run& run) { return run.epochs.back().ema_accuracy; };
  const auto& first = runs[0].summary;
  auto text = fmt::format(
      "{} workers train an MLP on MNIST together over a noisy channel, {} rounds.\n\n"
      "  sent               power  symbols a round  accuracy, and what is wrong\n",
      first.configuration.at("workers"), first.rounds);
  double most_wrong = 1e-9;
  for (const auto& run : runs) most_wrong = std::max(most_wrong, 100 - accuracy(run));
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const double value = accuracy(runs[i]);
    const auto bar = static_cast<std::size_t>(std::lround((100 - value) / most_wrong * kBarWidth));
    text += fmt::format("  {:<17} {:>6} {:>16.0f}  {:4.1f} % {}\n", kContenders[i].title,
                        i == 0 || kContenders[i].power == kContenders[0].power
                            ? "P"
                            : fmt::format("{:g} P", kContenders[i].power / kContenders[0].power),
                        runs[i].summary.symbols_per_round, value, std::string(bar, '#'));
  }
  const double fewer = runs[1].summary.symbols_per_round / first.symbols_per_round;
  return text + fmt::format(
                    "\nFor {:.1f} % {},\nand {:.0f} times the symbols. What it costs: the same energy in "
                    "{:.0f} times "
                    "fewer\nsymbols is {:.0f} times the transmit power while LASER sends.\n",
                    accuracy(runs[0]), verdict(accuracy(runs[0]), accuracy(runs[1]), accuracy(runs[2])),
                    fewer, fewer, fewer);
}

struct DemoArguments {
  SweepOptions options;
  bool quiet = false;
};

void run_demo(DemoArguments& arguments, CommandLine& line) {
  auto& options = arguments.options;
  std::optional<FreshFolder> fresh;
  if (options.folder.empty()) options.folder = fresh.emplace("demo").path();
  options.command = line.text;
  const auto jobs = contending_jobs();
  line.exit_code = sweep_with_progress(jobs, options, "demo", arguments.quiet);
  if (line.exit_code != 0) return;
  const auto runs = runs_of(options.folder, jobs);
  std::cout << picture(runs) << std::flush;
  const auto page = make_report({options.folder}, options.folder + "/report");
  std::cout << fmt::format(
      "One seed, so this shows and does not prove: docs/headline.md has the study, and\n"
      "'laser reproduce headline --scale mlp --quick' a look at more powers in minutes.\n"
      "Page with figures: {}\n",
      page);
}

}  // namespace

void add_demo(CLI::App& app, CommandLine& line) {
  auto arguments = std::make_shared<DemoArguments>();
  auto* command = app.add_subcommand("demo", "LASER beside raw gradients on MNIST, in seconds");
  command->add_option("--out", arguments->options.folder,
                      "folder for runs and report (default: a new one under runs/)");
  command->add_flag("--quiet", arguments->quiet, "no progress");
  command->callback([arguments, &line] { run_demo(*arguments, line); });
}

}  // namespace laser
