// The report's results for programs; python/laser/figures.py draws from this file and nothing else.
#pragma once

#include <string>

#include "laser/report/report.hpp"

namespace laser {

/// The report as JSON: schema, task, metric, rows (one a method and power; power null for noiseless, paper
/// null where the paper has no value, std and interval, half of the mean's 95 %, null for one seed), curves,
/// diagnostics, notes, settings, versions and the list of runs.
std::string to_json(const Report& report);

}  // namespace laser
