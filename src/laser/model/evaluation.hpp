// What an evaluation reports: the same two numbers for every model.
#pragma once

#include <limits>

namespace laser {

/// Accuracy and mean cross-entropy over a set of examples.
struct Evaluation {
  double accuracy = std::numeric_limits<double>::quiet_NaN();  // percent; NaN for language models
  double loss = 0;                                             // nats; of a language model: per token
};

}  // namespace laser
