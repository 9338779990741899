// Which runs are repetitions of each other. Runs of one method and power that differ in more than the seed
// are never averaged: the settings that differ become axes of the rows.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "laser/record/schema.hpp"

namespace laser {

/// Runs that differ in the seed only, in the order of their seeds.
struct Group {
  std::string method;
  std::map<std::string, std::string> axes;
  std::optional<double> power;
  std::vector<const Run*> runs;
};

/// The completed runs of `runs` in groups ordered by method, axes and power (noiseless last). A run that
/// repeats another one (same seed; same settings or same final weights) is left out and mentioned in `notes`.
std::vector<Group> group_runs(std::span<const Run> runs, std::vector<std::string>& notes);

/// The signal-to-noise ratio (dB) that a run was given in place of a power: its setting snr_db.
std::optional<double> given_ratio(const RunSummary& summary);

}  // namespace laser
