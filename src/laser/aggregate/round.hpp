// The state of a round under way; private to the aggregator's own files.
#pragma once

#include "laser/aggregate/aggregator.hpp"

namespace laser {

struct Aggregator::Round {
  std::int64_t index = 0;
  bool diagnosed = false;
  std::vector<char> awake;          // [k] who computes a gradient
  std::vector<Link> links;          // one for all tensors or one a tensor
  std::vector<Link> sent;           // likewise with those whose message is lost; empty where none is
  at::Tensor inputs;                // [K, d] what the workers want to get across before error feedback
  std::vector<Exchange> exchanges;  // one a tensor
  std::vector<char> silent;         // had something to send but no energy: nothing arrives, memory keeps it
  std::vector<double> weights;      // of each tensor: the receiver's, 1 where it has none
  std::vector<double> residuals;  // of each tensor: sum_i ||M_i - C(M_i)||^2, where the memory does not tell
  std::vector<NamedTensors>
      shared;  // of each tensor: the shared state from here on; as it was where it has none
  std::vector<double> raw_norms;  // [k, tensors] of the messages M_i
  at::Tensor estimate;            // [d]
  at::Tensor clean;               // [d] the estimate without noise, where diagnosed
  RoundReport report;
  [[nodiscard]] const Link& link(std::size_t tensor) const { return links[links.size() == 1 ? 0 : tensor]; }
  /// Whose transmissions cost energy, heard or not.
  [[nodiscard]] const Link& transmitting(std::size_t tensor) const {
    return sent.empty() ? link(tensor) : sent[sent.size() == 1 ? 0 : tensor];
  }
};

}  // namespace laser
