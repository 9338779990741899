// What the paper measured [LASER, arXiv 2310.13033; spec 5.2], to stand beside our numbers. A value is given
// only for the setting it was measured in. To add a study: its settings and its values in paper_values.cpp.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "laser/record/schema.hpp"

namespace laser {

/// A number of the paper.
struct PaperValue {
  double value = 0;      // in the unit of the metric, percent for accuracies
  double tolerance = 0;  // how exactly it can be read: half a digit of a table, or the resolution of a plot
  std::string source;    // "Table 4"
};

/// The paper's value for a run's task, method, power and settings; none when the paper has no such run.
/// `summary` is the summary of any one of the runs that are averaged.
std::optional<PaperValue> find_paper_value(const RunSummary& summary);

/// True when the paper has measured values for this task.
bool has_paper_study(const std::string& task);

/// True when the run has the settings of the paper's study of its task, so that a missing value
/// is the paper's gap.
bool has_paper_setting(const RunSummary& summary);

/// What has to be known to judge a method's values against the paper's, one sentence; empty
/// when there is nothing.
std::string paper_remark(const std::string& task, const std::string& method);

}  // namespace laser
