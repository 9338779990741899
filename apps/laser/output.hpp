// What several commands share: arguments in, folders and reports out.
#pragma once

#include <string>
#include <vector>

#include "laser/train/sweep.hpp"

namespace laser {

/// The settings of "[CONFIG.toml] key=value ...": at most one item without '=' is a file, read first.
Settings read_arguments(const std::vector<std::string>& items);

/// "runs/<name>-<date>-<time>", a folder that does not exist yet.
std::string fresh_folder(const std::string& name);

/// Runs the jobs with a progress line; prints failures. Returns the exit code.
int sweep_with_progress(const std::vector<Job>& jobs, SweepOptions options, const std::string& label,
                        bool quiet);

/// Reads the runs below the folders, writes the report into `out` and prints it.
void print_report(const std::vector<std::string>& folders, const std::string& out, bool json);

/// The axes of a grid, one a line with its meaning.
std::string axes_legend(const std::vector<Axis>& axes);

/// The settings that all runs of a grid share, one a line with its meaning.
std::string settings_legend(const Settings& settings);

/// All options of a run, for help texts.
std::string option_help();

}  // namespace laser
