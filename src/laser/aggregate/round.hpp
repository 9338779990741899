// The state of a round under way; private to the aggregator's own files.
#pragma once

#include "laser/aggregate/aggregator.hpp"

namespace laser {

struct Aggregator::Round {
  std::int64_t index = 0;
  bool diagnosed = false;
  Link link;
  std::vector<Exchange> exchanges;  // one a tensor
  std::vector<char> silent;         // had something to send but no energy: nothing arrives, memory keeps it
  std::vector<double> raw_norms;    // [k, tensors] of the messages M_i
  at::Tensor estimate;              // [d]
  at::Tensor clean;                 // [d] the estimate without noise, where diagnosed
  RoundReport report;
};

}  // namespace laser
