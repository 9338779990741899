#include "help_text.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "terminal.hpp"

namespace laser {
namespace {

/// The settings of the first screen, in its order.
constexpr std::array kMattering{"method",  "task",       "power",  "snr_db",        "rank",     "channel",
                                "workers", "batch_size", "epochs", "learning_rate", "sharding", "seed"};
constexpr std::size_t kColumn = 22;         // of the sentences
constexpr std::size_t kCommandColumn = 14;  // of those of commands, whose names are short

/// A name and its sentence in two columns; a long name has a line of its own.
std::string entry_line(const std::string& name, const std::string& sentence, std::size_t column = kColumn) {
  if (name.size() + 4 > column) return fmt::format("  {}\n{:{}}{}\n", name, "", column, sentence);
  return fmt::format("  {:<{}}{}\n", name, column - 2, sentence);
}

/// As many clauses of a sentence as fit beside a name, one at least.
std::string first_clauses(std::string sentence, std::size_t width) {
  constexpr std::size_t kFewest = 18;  // characters: fewer say too little
  while (sentence.size() + kColumn > width) {
    const auto end = sentence.find_last_of(",;:");
    if (end == sentence.npos || end < kFewest) break;
    sentence.resize(end);
  }
  return sentence;
}

std::string mattering_settings(std::size_t width) {
  std::string text = "\nSettings that matter (--all has the rest; 'laser explain NAME' tells more):\n";
  const auto settings = all_settings();
  for (const auto& name : kMattering) {
    const auto setting =
        std::find_if(settings.begin(), settings.end(), [&](const auto& entry) { return entry.name == name; });
    text += entry_line(fmt::format("{}={}", setting->name, setting->fallback),
                       first_clauses(setting->sentence, width));
  }
  return text;
}

std::string every_setting() {
  std::string text = "\nSettings (key=value here, or lines of the TOML file):\n", group;
  for (const auto& setting : all_settings()) {
    if (setting.group != group) text += fmt::format(" {}\n", setting.group);
    group = setting.group;
    text += entry_line(setting.name, fmt::format("{} [{}{}; default {}]", setting.sentence,
                                                 setting.range.empty() ? "text" : setting.range,
                                                 setting.unit.empty() ? "" : "; " + setting.unit,
                                                 setting.fallback.empty() ? "empty" : setting.fallback));
  }
  return text;
}

std::string option_lines(const CommandNode& node, bool all) {
  std::string text;
  for (const auto& option : node.options) {
    if (option.rare && !all) continue;
    text += entry_line(
        fmt::format("{}{}", fmt::join(option.names, ", "), option.has_value ? " VALUE" : ""),
        option.sentence + (option.required           ? " (required)"
                           : option.fallback.empty() ? ""
                                                     : fmt::format(" (default {})", option.fallback)));
  }
  return text;
}

}  // namespace

std::string help_text(const CommandNode& node, bool all, std::size_t width) {
  auto text = fmt::format("{}\n\nUsage: {}{}\n", node.sentence, node.usage(),
                          node.commands.empty() ? " [OPTIONS]" : "");
  if (!node.commands.empty()) {
    text += "\nCommands:\n";
    for (const auto& command : node.commands)
      text += entry_line(command.path.back(), command.sentence, kCommandColumn);
  }
  for (const auto& argument : node.arguments)
    if (!argument.sentence.empty()) text += fmt::format("  {}\n", argument.sentence);
  if (node.takes_settings) text += all ? every_setting() : mattering_settings(width);
  text += "\nOptions:\n" + option_lines(node, all);
  if (!node.footer.empty()) text += "\n" + node.footer + "\n";
  return fit(text, width);
}

}  // namespace laser
