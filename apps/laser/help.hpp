// laser help and laser completion: texts about the command, written from its own lists.
#pragma once

#include <CLI/CLI.hpp>

namespace laser {

/// Help texts of all commands that are added to `app` from here on are those of help_text.hpp.
void write_own_help(CLI::App& app);

/// `laser COMMAND --all`: the help with every setting and option.
void add_all_flag(CLI::App& command);

/// Registers `laser help [COMMAND ...] [--markdown | --manual]`.
void add_help(CLI::App& app);

/// Registers `laser completion bash|zsh`.
void add_completion(CLI::App& app);

}  // namespace laser
