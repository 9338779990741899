// The subcommands, flags and settings as data, read from the parser and the option list themselves: what the
// reference, the manual page and shell completion are written from. It holds no name of its own.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "laser/core/options.hpp"

namespace laser {

/// A flag, an option with a value, or an argument without a name.
struct CommandOption {
  std::vector<std::string> names;  // "--out"; of an argument as its help says it: "STUDY", "[key=value ...]"
  std::string sentence;
  std::string fallback;  // the default; empty where the sentence says it
  bool has_value = false;
  bool required = false;
  bool rare = false;               // left out of the help's first screen
  std::vector<std::string> words;  // that it may be, where they are known
};

struct CommandNode {
  std::vector<std::string> path;  // {"data", "fetch"}; empty for the program
  std::string sentence;
  std::string footer;  // empty where it is the one of the command above
  std::vector<CommandOption> arguments, options;
  bool takes_settings = false;  // key=value
  std::vector<CommandNode> commands;

  /// "laser data fetch".
  [[nodiscard]] std::string name() const;
  /// "laser data fetch NAME ... [--mirror URL ...]" without its flags.
  [[nodiscard]] std::string usage() const;
};

/// The command `app` with all below it, whatever it is below.
CommandNode command_tree(const CLI::App& app);

/// The group of options that the help's first screen leaves out.
inline constexpr const char* kRareOptions = "Rarely needed";

/// This node and all below it, in the order of the help texts.
std::vector<const CommandNode*> all_commands(const CommandNode& root);

/// A setting of a run, as text.
struct SettingEntry {
  std::string name, group, unit, range, sentence, fallback;
  std::vector<std::string> words;  // that it may be, where they are known
};

/// All settings, in the order of the help text but each group in one piece.
std::vector<SettingEntry> all_settings();

}  // namespace laser
