// The reference of the command: subcommands, flags, settings, exit codes and environment, as Markdown
// (docs/reference.md) and as a manual page (docs/laser.1), both from the command tree.
#pragma once

#include <string>
#include <vector>

#include "command_tree.hpp"

namespace laser {

std::string reference_markdown(const CommandNode& root, const std::vector<SettingEntry>& settings);

/// roff with the macros of man(7).
std::string manual_page(const CommandNode& root, const std::vector<SettingEntry>& settings);

}  // namespace laser
