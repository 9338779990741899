// laser help and laser completion: texts about the command, written from its own lists.
#pragma once

#include <CLI/CLI.hpp>

namespace laser {

/// Registers `laser help [--markdown | --manual]`.
void add_help(CLI::App& app);

/// Registers `laser completion bash|zsh`.
void add_completion(CLI::App& app);

}  // namespace laser
