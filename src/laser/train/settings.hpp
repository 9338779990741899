// Settings as a user gives them: names and texts, from a configuration file. What
// they mean is experiment.hpp.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace laser {

/// A configuration as given: (key, text) pairs, later ones win.
using Settings = std::vector<std::pair<std::string, std::string>>;

/// Reads a flat TOML file. Throws Error (configuration) with file, line and reason.
Settings read_settings(const std::string& path);

}  // namespace laser
