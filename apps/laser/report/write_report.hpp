// A report's files, from records alone: what `laser report` and `laser reproduce` end with.
#pragma once

#include <string>
#include <vector>

#include "laser/report/report.hpp"

namespace laser {

struct ReportOptions {
  std::string python;  // interpreter with matplotlib, a path or a name on PATH; empty: draw no figures
  std::string figures_script;  // python/laser/figures.py
  // What settings are held against; none: the page does not tell which were changed
  DefaultSettings defaults = {};
};

/// Writes table.md, summary.json, report.html and the figures into `out_folder` (created where missing) and
/// returns the terminal's text: what was found, the comparison, the notes, and which files were written.
/// Throws Error (data) when no run completed, Error (I/O) when a file can't be written. Missing figures are
/// told in the text, not an error.
std::string write_report(const std::vector<Run>& runs, const std::string& out_folder,
                         const ReportOptions& options);

}  // namespace laser
