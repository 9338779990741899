#include "start_lines.hpp"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <optional>

#include "laser/aggregate/delays.hpp"
#include "laser/aggregate/parts.hpp"
#include "laser/report/table.hpp"
#include "laser/train/memory_budget.hpp"
#include "laser/train/training.hpp"
#include "laser/train/transmission.hpp"

namespace laser {
namespace {

constexpr const char* kIndent = "           ";  // of a text behind its label

std::string line(const std::string& label, const std::string& text) {
  return wrap(fmt::format("{:<10} {}", label, text), kIndent) + "\n";
}

/// "1,234,567"
std::string grouped(std::int64_t number) {
  auto text = std::to_string(number);
  for (auto at = static_cast<std::int64_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

/// The settings that matter and that method and task do not bring by themselves, "key=value key=value".
std::string changed_settings(const Experiment& experiment) {
  const auto plain = to_map(without_wishes(experiment)), read = course_settings(experiment);
  std::string text;
  for (const auto& [name, value] : to_map(experiment)) {
    if (value == plain.at(name) || (!read.contains(name) && name != "epochs")) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", name, value);
  }
  return text;
}

/// How long the error memory lags, and what to expect of a run that ends before it has settled.
std::string lag_text(const Experiment& experiment, const Task& task) {
  constexpr double kSettled = 10;  // lags
  const auto lag = memory_lag(experiment.algorithm, task.layout());
  if (!lag) return "";
  const auto rounds =
      static_cast<double>(experiment.local.rounds(task.rounds_per_epoch()) * experiment.epochs);
  const auto text =
      fmt::format("the error memory lags up to {:.0f} rounds; this run has {:.0f} ({:.1f} lags)", *lag,
                  rounds, rounds / *lag);
  if (rounds >= kSettled * *lag) return text;
  // Both factors in one round share its power: below 0 dB a symbol they lose to one
  // at a time (docs/simulator.md).
  auto both = experiment;
  both.algorithm.compressor.transport = "two_phase";
  const bool loud = experiment.power >= symbols_a_round(both, task.layout());
  return text + fmt::format(" and is judged in its transient. A higher rank{} or more rounds shorten it.",
                            loud ? ", transport=two_phase" : "");
}

/// What to expect where the workers' data differ; empty where they do not.
std::string shards_text(const Experiment& experiment) {
  if (experiment.shards.kind == "iid") return "";
  const auto parts = make_parts(experiment.algorithm);
  const bool local = parts.feedback->traits().remembers && parts.compressor->traits().factored;
  return fmt::format(
      "the workers' data differ (sharding={}). {} (docs/heterogeneity.md).", experiment.shards.kind,
      local ? "Factors with a local error memory lose to raw gradients there; zsgd_adaptive holds up best"
            : "Methods rank otherwise there");
}

std::string facts_legend(const Task& task) {
  auto facts = task.facts();
  facts["threads"] = std::to_string(at::get_num_threads());
  std::string text;
  for (const auto& [name, value] : facts)
    text += fmt::format("{:<11}{:<19} {}\n", text.empty() ? "used" : "", name, value);
  return text;
}

/// The lines that a look at the settings does not tell.
std::string expectations(const Experiment& experiment, const Task& task) {
  std::string text;
  if (const auto lag = lag_text(experiment, task); !lag.empty()) text += line("lag", lag);
  if (const auto shards = shards_text(experiment); !shards.empty()) text += line("data", shards);
  return text;
}

}  // namespace

std::string start_lines(const Experiment& experiment, const Task& task) {
  const auto& e = experiment;
  const auto each = e.local.rounds(task.rounds_per_epoch());
  auto text = line("task", fmt::format("{}: {} parameters, {} workers, {} epoch{} of {} round{}", e.task,
                                       grouped(task.layout().size), grouped(e.workers), grouped(e.epochs),
                                       e.epochs == 1 ? "" : "s", grouped(each), each == 1 ? "" : "s"));
  text += line("method", fmt::format("{}: {}", e.method, find_recipe(e.method).sentence));
  text += wrap(transmission_legend(e, task.layout()), kIndent);
  const auto changed = changed_settings(e);
  text += line("settings", changed.empty()
                               ? "the defaults (--verbose lists them)"
                               : changed + "; the others are at their defaults (--verbose lists all)");
  return text + expectations(e, task);
}

std::string verbose_start(const Experiment& experiment, const Task& task, double held,
                          std::int64_t local_workers) {
  return legend(experiment) + '\n' + facts_legend(task) + '\n' +
         transmission_legend(experiment, task.layout()) + '\n' +
         memory_legend(memory_budget(experiment, task, local_workers), held) + '\n' +
         expectations(experiment, task);
}

}  // namespace laser
