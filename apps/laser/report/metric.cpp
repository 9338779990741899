#include "laser/report/metric.hpp"

#include <limits>

namespace laser {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

Metric perplexity() {
  return {.name = "perplexity",
          .unit = "",
          .quantity = "perplexity",
          .label = "Validation perplexity",
          .curve_label = "Validation perplexity",
          .explanation = "of the weights after the last round, on random batches of the validation text",
          .higher_is_better = false,
          .value = [](const RunSummary& s) { return s.perplexity.value_or(kNone); },
          .at_epoch = [](const EpochRecord& r) { return r.perplexity.value_or(kNone); },
          .heading = "Perplexity",
          .companion_title = "Perplexity over the whole validation text",
          .companion_heading = "Whole text",
          .companion = [](const RunSummary& s) { return s.split_perplexity.value_or(kNone); }};
}

}  // namespace

Metric metric_of(const RunSummary& summary) { return summary.perplexity ? perplexity() : Metric(); }

}  // namespace laser
