// What the settings of a run promise and it does not do: told by the command and by Python, never refused.
#pragma once

#include <string>
#include <vector>

#include "laser/train/experiment.hpp"
#include "laser/train/task.hpp"

namespace laser {

/// A line for each: settings that are not read, a batch above a worker's examples, epochs of some workers.
/// settings: those that were given, of which the experiment was made.
std::vector<std::string> notes_on(const Settings& settings, const Experiment& experiment, const Task& task);

}  // namespace laser
