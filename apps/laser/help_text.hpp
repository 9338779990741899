// What --help prints: a first screen with the settings that matter, and with --all everything.
#pragma once

#include <string>

#include "command_tree.hpp"

namespace laser {

/// The help of a command in lines of at most `width` characters. `all`: every setting and option, with ranges
/// and defaults, instead of those that matter.
std::string help_text(const CommandNode& node, bool all, std::size_t width);

}  // namespace laser
