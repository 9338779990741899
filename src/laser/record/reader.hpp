// Reads run folders back. What it returns is checked; it never changes a file and never runs anything.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "laser/record/schema.hpp"

namespace laser {

/// Reads one run folder. A run without summary.json gets the status "unfinished"; a cut last line of the
/// metrics of a run that did not complete is dropped with a warning. Throws Error (data) naming file and line
/// for anything else that is missing or damaged.
Run read_run(const std::string& folder);

/// Reads every run folder at or below `folders`: in the order given, by path within one folder, none twice.
/// Symbolic links below a folder are not followed. Throws Error (data) when there is none or one is damaged.
std::vector<Run> read_runs(std::span<const std::string> folders);

}  // namespace laser
