// What an evaluation reports: the same two numbers for every classifier.
#pragma once

namespace laser {

/// Accuracy and mean cross-entropy over a set of examples.
struct Evaluation {
  double accuracy = 0;  // percent
  double loss = 0;
};

}  // namespace laser
