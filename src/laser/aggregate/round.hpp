// The state of a round under way; private to the aggregator's own files.
#pragma once

#include "laser/aggregate/aggregator.hpp"

namespace laser {

/// Streams that a pass has, one for each block of a message.
inline constexpr std::uint32_t kBlocksAPass = 16;

/// The stream of a block among those of its tensor and round.
inline std::uint32_t unit_of(int pass, std::size_t block) {
  return static_cast<std::uint32_t>(pass) * kBlocksAPass + static_cast<std::uint32_t>(block);
}

struct Aggregator::Round {
  std::int64_t index = 0;
  bool diagnosed = false;
  double budget = 0;                  // P_t, of all passes together
  double scale = 1;                   // s of M = e + s g
  std::vector<char> awake;            // [k] who computes a gradient
  std::vector<Link> links;            // one for all tensors or one a tensor
  std::vector<Link> sent;             // likewise with those whose message is lost; empty where none is
  std::vector<at::Tensor> gradients;  // of each tensor: [K, m, n]
  at::Tensor all_gradients;           // [K, d] the same, where they lie in one piece; undefined elsewhere
  std::span<const Looked> looked;     // [K] what is known of them; empty where nobody has looked
  std::vector<at::Tensor> inputs;     // likewise: what the workers want to get across before error feedback
  std::vector<Exchange> exchanges;    // one a tensor
  std::vector<char> silent;           // had something to send but no energy: nothing arrives, memory keeps it
  std::vector<double> weights;        // of each tensor: the receiver's, 1 where it has none
  std::vector<double> residuals;  // of each tensor: sum_i ||M_i - C(M_i)||^2, where the memory does not tell
  // Of each tensor: the shared state from here on; as it was where it has none
  std::vector<NamedTensors> shared;
  std::vector<at::Tensor> held;  // of each tensor: [m, n] what is held from here on, in units of gradients
  WorkerTable raw_norms;         // [k, tensors] of the messages M_i
  std::vector<at::Tensor> estimate;  // of each tensor: [m, n]
  at::Tensor clean;                  // [d] the estimate without noise, where diagnosed
  RoundReport report;
  /// Makes room for so many tensors.
  void begin(std::size_t count);
  /// [K, d], in one piece.
  [[nodiscard]] at::Tensor joint_gradients() const;
  [[nodiscard]] const Link& link(std::size_t tensor) const { return links[links.size() == 1 ? 0 : tensor]; }
  /// Whose transmissions cost energy, heard or not.
  [[nodiscard]] const Link& transmitting(std::size_t tensor) const {
    return sent.empty() ? link(tensor) : sent[sent.size() == 1 ? 0 : tensor];
  }
};

}  // namespace laser
