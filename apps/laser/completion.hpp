// Shell completion: a script for bash or zsh, written from the command tree and the settings.
// It starts no program.
#pragma once

#include <string>
#include <vector>

#include "command_tree.hpp"

namespace laser {

std::string bash_completion(const CommandNode& root, const std::vector<SettingEntry>& settings);
std::string zsh_completion(const CommandNode& root, const std::vector<SettingEntry>& settings);

}  // namespace laser
