// The round: gradients -> error feedback -> compress -> allocate power -> channel -> decode -> estimate.
//
// It names no variant of any part (aggregate/parts.hpp): it asks for their traits. It owns what lasts between
// rounds (error memories, shared factors) and nothing about training: the optimizer sees only the estimate.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "laser/aggregate/algorithm.hpp"
#include "laser/aggregate/parts.hpp"
#include "laser/channel/noise.hpp"
#include "laser/collective/collective.hpp"
#include "laser/core/layout.hpp"

namespace laser {

/// What a round tells about itself.
struct RoundReport {
  std::vector<double> energy;  // [k] energy that each worker sent, noise variance 1
  double budget_use = 0;  // max over workers of energy / its budget, or of their sums where they share one
  bool nobody_heard = false;  // no worker was active: there is no estimate, and the update is to be skipped
  std::int64_t symbols = 0;   // channel uses
  // [tensors] No number of a tensor's estimate is larger in magnitude; infinite where only a look would tell.
  std::vector<double> largest;
  // Only where a diagnosis was asked for:
  std::optional<double> memory_ratio;  // mean over the workers of ||e_i|| / ||g_i||
  std::optional<double> lambda;        // ||estimate - noiseless estimate||^2 / ||noiseless estimate||^2
  std::optional<double> delta;         // 1 - ||M - C(M)||^2 / ||M||^2 over the compressed tensors
  std::optional<double> noise_energy;  // ||estimate - noiseless estimate||^2
  // Over the compressed tensors and all workers; g has the scale s of M = e + s g.
  std::optional<double> sent_ratio;  // (||M||^2 - ||M - C(M)||^2) / ||g||^2: energy sent over energy come in
  std::optional<double> waiting_rounds;  // ||e||^2 / ||g||^2: rounds of gradient that wait in the memory
};

/// What a look through the gradients of a worker finds.
struct Looked {
  std::int64_t bad = -1;  // the first tensor with a number that is not finite; -1: none
  double largest = 0;     // magnitude; of no meaning where there is such a tensor
};

/// The round of any method over any channel, with what lasts between rounds (spec 2.5). Not safe to be called
/// from several threads at once.
class Aggregator {
 public:
  /// For tensors of `layout` and numbers of `type` (float32 or float64). The collective says how many
  /// workers there are and outlives the aggregator. `noise` may bring other draws than the addressed ones.
  /// Throws Error (configuration) for a value that validate() refuses, and where the algorithm makes no
  /// sense for the model.
  Aggregator(Layout layout, const Algorithm& algorithm, std::uint64_t seed, Collective& collective,
             at::ScalarType type = at::kFloat, std::unique_ptr<NoiseSource> noise = nullptr)
      : Aggregator(std::move(layout), algorithm, Parts{}, seed, collective, type, std::move(noise)) {}
  /// As above, with parts of the caller's own in the place of those that the algorithm names; a role that is
  /// null is played by the named one.
  Aggregator(Layout layout, const Algorithm& algorithm, Parts parts, std::uint64_t seed,
             Collective& collective, at::ScalarType type = at::kFloat,
             std::unique_ptr<NoiseSource> noise = nullptr);
  ~Aggregator();
  /// What lasts goes along; the aggregator that it came from can only be destroyed or assigned to.
  Aggregator(Aggregator&&) noexcept;
  /// As the move above, in the place of what this one was.
  Aggregator& operator=(Aggregator&&) noexcept;

  /// One round. `gradients` [K, d] of the local workers (never written to), `budget` P_t per worker (of no
  /// meaning where the channel is noiseless), `estimate` [d] receives the server's estimate of the mean
  /// gradient. `scale` is s of M = e + s g; the estimate is divided by it.
  ///
  /// A round that is refused has changed nothing but the estimate: the next one gives, to the last bit, what
  /// it would have given. Throws Error (configuration) for a shape, type, budget, scale or index that does
  /// not fit, and Error (non-finite) naming worker, tensor and round. Where a round ends in the middle for
  /// another reason (a process is lost, memory runs out), those after it are refused until load_state().
  RoundReport round(std::int64_t round, double budget, const at::Tensor& gradients, at::Tensor& estimate,
                    bool diagnose = false, double scale = 1.0);
  /// As above, with gradients and estimates where they lie, one a tensor of the layout: gradients [K, ...],
  /// the numbers of each worker contiguous, and estimates, contiguous. With a single worker here an estimate
  /// may lie in its gradient's place. `looked` is what look() found in the same gradients, which then need
  /// not be looked through again.
  RoundReport round(std::int64_t round, double budget, std::span<const at::Tensor> gradients,
                    std::span<const at::Tensor> estimate, bool diagnose = false, double scale = 1.0,
                    std::span<const Looked> looked = {});
  /// [k] Who takes part in a round: the gradients of the others are not looked at.
  [[nodiscard]] std::vector<char> awake(std::int64_t round) const;
  /// [K] What is to be known of the local workers' gradients before a round. Throws Error (configuration) for
  /// a shape or type that does not fit.
  [[nodiscard]] std::vector<Looked> look(std::span<const at::Tensor> gradients) const;

  /// Everything that lasts: "memory/<tensor>" [K, m, n] and "shared/<tensor>/<name>"; with a bfloat16 memory
  /// "pending/<tensor>/left" and "right" besides; with a filter what it knows, "preconditioner/<tensor>",
  /// "momentum" [K, d] of averages; of a held estimate "held/<tensor>" [m, n]; where norms are
  /// expected "expected/<tensor>/<pass>" [k, groups]. Taking it changes nothing about the rounds that follow.
  [[nodiscard]] NamedTensors state();
  /// Empties the memories of the local workers that are not awake, `awake` [K], as where a client
  /// that leaves keeps nothing.
  void forget_asleep(std::span<const char> awake);
  /// Whether a tensor of the state has a row for each local worker, and is not the same at all of them.
  [[nodiscard]] static bool has_rows(const std::string& name, const at::Tensor& tensor);
  /// Restores what `state` returned. Throws Error (data) if a name, type or shape, the number of workers
  /// among it, does not fit, a name is not of this method and model, or a number is not finite; nothing has
  /// changed then.
  void load_state(const NamedTensors& state);
  /// Error memory e_i of a tensor, [K, m, n]; undefined where it has none.
  [[nodiscard]] at::Tensor memory(std::size_t layer);
  [[nodiscard]] const Layout& layout() const;
  /// Who plays which role.
  [[nodiscard]] const Parts& parts() const;

 private:
  class Impl;  // not public
  std::unique_ptr<Impl> impl_;
};

}  // namespace laser
