// What a run says before its first round: five lines that matter; all the rest with --verbose.
#pragma once

#include <string>

#include "laser/train/experiment.hpp"
#include "laser/train/task.hpp"

namespace laser {

/// Task, method, power with its signal-to-noise ratio, the settings that are not at their defaults, and how
/// long the error memory lags; a note where the workers' data differ. No line is wider than 80 columns.
std::string start_lines(const Experiment& experiment, const Task& task);

/// Everything: all options with their sentences, what is really used, the power, the memory that is needed
/// and the lag. `held`: memory of the program, bytes; `local_workers`: of this process.
std::string verbose_start(const Experiment& experiment, const Task& task, double held,
                          std::int64_t local_workers);

}  // namespace laser
