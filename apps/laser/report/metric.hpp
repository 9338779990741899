// What a report compares: accuracy for classifiers (the default), perplexity for language models. Names,
// texts, and which numbers of the records they are.
#pragma once

#include <string>

#include "laser/record/schema.hpp"

namespace laser {

struct Metric {
  std::string name = "best_ema_accuracy";  // field of RunSummary
  std::string unit = "%";                  // empty where there is none
  std::string quantity = "accuracy";       // begins the names of the figures
  std::string label = "Test accuracy (%), best EMA";
  std::string curve_label = "Test accuracy (%), EMA of the weights";
  std::string explanation =
      "best over the epochs of the test accuracy of the exponential moving average of the weights";
  bool higher_is_better = true;
  double rounding = 0.1;  // of means that are held against a target
  double (*value)(const RunSummary&) = [](const RunSummary& s) { return s.best_ema_accuracy; };
  double (*at_epoch)(const EpochRecord&) = [](const EpochRecord& r) { return r.ema_accuracy; };
  std::string heading = "Best EMA %";  // in the list of runs
  // A second number of the same kind, in a table of its own; NaN where a run has none.
  std::string companion_title = "Test accuracy (%) of the raw weights after the last epoch";
  std::string companion_heading = "Final %";
  double (*companion)(const RunSummary&) = [](const RunSummary& s) { return s.final_accuracy; };
};

/// The metric of a run's task.
Metric metric_of(const RunSummary& summary);

}  // namespace laser
