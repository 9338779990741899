// The message filter: what a worker puts in the place of its gradient g before anything is compressed.
//
//   u <- beta u + (1 - beta) g         an average of tau = 1/(1 - beta) rounds (`worker_momentum`)
//   m  = (u + nu (g - u)) A            the lead nu takes the delay back that holding adds; A preconditions
//
// What a message costs in power is its norm, and a mini-batch gradient is mostly sampling noise: the average
// is shorter. A = (n S + delta I)^-p with S the running mean of g^T g / |g|^2 makes the directions along
// which gradients are long shorter, for each worker by its own gradients and without a word to the server.
// Not a memory: what the compressor loses is the feedback's matter (feedback/feedback.hpp).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "laser/aggregate/algorithm.hpp"
#include "laser/core/factors.hpp"
#include "laser/core/layout.hpp"

namespace laser {

/// nu of a tensor whose symbols are held `cycle` rounds: the number that `lead` says, or with `auto`
/// min(1, cycle / tau) with tau = 1/(1 - average) (docs/swept.md, T3). Throws Error (configuration) for
/// what is neither.
double lead_of(const std::string& lead, double average, std::int64_t cycle);

class MessageFilter {
 public:
  MessageFilter() = default;
  /// Of tensors of `layout`, whose symbols are held `cycles` [tensors] rounds; numbers of `type`.
  MessageFilter(const Algorithm& algorithm, const Layout& layout, const std::vector<std::int64_t>& cycles,
                at::ScalarType type);

  /// Whether messages differ from gradients.
  [[nodiscard]] bool active() const { return average_ != 0 || preconditions_; }
  /// messages [K, d] of the local workers from their gradients [K, d]; those that are not `awake` [K] are
  /// left out, and what the filter knows of them stays as it is.
  void apply(std::int64_t round, std::span<const char> awake, const at::Tensor& gradients,
             const at::Tensor& messages);

  /// What lasts, each with a row for every worker: "momentum" [K, d], "second_moment/<tensor>/<block>" and
  /// "preconditioner/<tensor>/<block>" [K, b, b].
  [[nodiscard]] NamedTensors state() const;
  /// Restores what `state` returned, of `workers` workers here; `restored` checks a tensor's name and shape
  /// and gives a copy of it. What is not in the state begins anew.
  void load_state(const NamedTensors& state, std::int64_t workers,
                  const std::function<at::Tensor(const std::string&, at::IntArrayRef)>& restored);
  /// Empties the average of a worker, by its row here.
  void forget(std::int64_t row);
  /// Bytes of the second moments and preconditioners of `workers` workers, in float32.
  [[nodiscard]] static double preconditioner_bytes(const Layout& layout, std::int64_t workers);
  /// Whether a tensor of a state is one of these.
  [[nodiscard]] static bool is_of_filter(const std::string& name);
  /// A copy that later rounds do not change.
  [[nodiscard]] MessageFilter clone() const;

 private:
  struct Block {  // of the long side of a matrix
    std::string name;
    std::size_t tensor = 0;
    std::int64_t first = 0, size = 0;
    at::Tensor moments;         // [K, b, b] sum of samples of trace 1; undefined before the first
    at::Tensor preconditioner;  // [K, b, b]; undefined before the first refresh
  };

  [[nodiscard]] at::Tensor along(const at::Tensor& row, const Block& block) const;
  void sample(Block& block, std::span<const char> awake, const at::Tensor& gradients) const;
  void refresh(Block& block) const;

  Layout layout_;
  at::ScalarType type_ = at::kFloat;
  double average_ = 0, power_ = 0, floor_ = 0;
  bool preconditions_ = false;
  std::int64_t first_refresh_ = 0;
  std::vector<double> leads_;  // [tensors]
  at::Tensor momentum_;        // [K, d]; undefined without an average, and before the first round
  std::vector<Block> blocks_;
};

}  // namespace laser
