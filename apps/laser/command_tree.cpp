#include "command_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "laser/aggregate/algorithm.hpp"
#include "laser/core/collect.hpp"
#include "laser/data/data_files.hpp"
#include "laser/train/experiment.hpp"
#include "laser/train/task.hpp"
#include "studies.hpp"

namespace laser {
namespace {

std::vector<std::string> scale_names() {
  std::set<std::string> names;
  for (const auto& study : studies())
    for (const auto& scale : study.scales) names.insert(scale.name);
  return {names.begin(), names.end()};
}

/// What an argument may be, from the tables of the library.
std::vector<std::string> words_of(const std::string& name) {
  if (name == "METHOD") return names_of(recipes());
  if (name == "STUDY") return names_of(studies());
  if (name == "--scale") return scale_names();
  if (name == "NAME") return names_of(data_sets());
  if (name == "ITEM") {
    auto words = names_of(recipes());
    for (const auto& task : task_names()) words.push_back(task);
    return words;
  }
  return {};
}

/// "a | b" as its parts.
std::vector<std::string> alternatives(const std::string& range) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < range.size();) {
    const auto bar = std::min(range.find(" | ", at), range.size());
    words.push_back(range.substr(at, bar - at));
    at = bar + 3;
  }
  return words;
}

CommandOption option_of(const CLI::Option& option) {
  CommandOption result;
  const bool positional = !option.nonpositional();
  const std::string& text = option.get_option_text();
  if (positional) {
    const auto more = option.get_expected_max() > 1 ? " ..." : "";
    result.names = {text.empty() ? option.get_name(true) + more : text};
    result.words = words_of(option.get_name(true));
  } else {
    for (const auto& name : option.get_snames()) result.names.push_back("-" + name);
    for (const auto& name : option.get_lnames()) result.names.push_back("--" + name);
    result.words = words_of(result.names.back());
  }
  result.sentence = option.get_description();
  result.fallback = option.get_default_str();
  result.has_value = option.get_items_expected_max() != 0;
  result.required = option.get_required();
  result.rare = option.get_group() == kRareOptions;
  return result;
}

CommandNode node_of(const CLI::App& app, const std::vector<std::string>& path) {
  CommandNode node;
  node.path = path;
  node.sentence = app.get_description();
  // CLI11 hands a footer down to all commands below.
  const auto* parent = app.get_parent();
  if (parent == nullptr || app.get_footer() != parent->get_footer()) node.footer = app.get_footer();
  for (const auto* option : app.get_options()) {
    auto entry = option_of(*option);
    const bool positional = !option->nonpositional();
    if (positional && entry.names[0].find("key=") != std::string::npos) node.takes_settings = true;
    (positional ? node.arguments : node.options).push_back(std::move(entry));
  }
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    auto below = path;
    below.push_back(command->get_name());
    node.commands.push_back(node_of(*command, below));
  }
  return node;
}

}  // namespace

std::string CommandNode::name() const {
  std::string text = "laser";
  for (const auto& word : path) text += " " + word;
  return text;
}

std::string CommandNode::usage() const {
  auto text = name();
  for (const auto& option : options)
    if (option.required) text += fmt::format(" {} VALUE", option.names.back());
  for (const auto& argument : arguments) {
    const bool optional = !argument.required && !argument.names[0].starts_with('[');
    text += fmt::format(" {}", optional ? "[" + argument.names[0] + "]" : argument.names[0]);
  }
  if (!commands.empty()) text += " COMMAND";
  return text;
}

CommandNode command_tree(const CLI::App& app) {
  std::vector<std::string> path;
  for (const auto* at = &app; at->get_parent() != nullptr; at = at->get_parent())
    path.insert(path.begin(), at->get_name());
  return node_of(app, path);
}

std::vector<const CommandNode*> all_commands(const CommandNode& root) {
  std::vector<const CommandNode*> all{&root};
  for (const auto& command : root.commands) {
    const auto below = all_commands(command);
    all.insert(all.end(), below.begin(), below.end());
  }
  return all;
}

std::vector<SettingEntry> all_settings() {
  Experiment experiment;
  OptionList list;
  describe(list, experiment);
  std::vector<SettingEntry> settings;
  for (const auto& option : list.all()) {
    SettingEntry entry{option.name,     option.group,    option.unit, option.range,
                       option.sentence, option.fallback, {}};
    if (option.kind == Option::Kind::kText || option.kind == Option::Kind::kFlag)
      entry.words = alternatives(option.range);
    const auto last = std::find_if(settings.rbegin(), settings.rend(),
                                   [&](const auto& earlier) { return earlier.group == entry.group; });
    settings.insert(last.base() == settings.begin() ? settings.end() : last.base(), std::move(entry));
  }
  return settings;
}

}  // namespace laser
