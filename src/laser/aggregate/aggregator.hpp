// The round: gradients -> error feedback -> compress -> allocate power -> channel -> decode -> estimate.
//
// It names no variant of any part (aggregate/parts.hpp): it asks for their traits. It owns what lasts between
// rounds (error memories, shared factors) and nothing about training: the optimizer sees only the estimate.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "laser/aggregate/algorithm.hpp"
#include "laser/aggregate/parts.hpp"
#include "laser/channel/superposition.hpp"
#include "laser/collective/collective.hpp"
#include "laser/core/layout.hpp"
#include "laser/core/worker_table.hpp"
#include "laser/power/allocation.hpp"

namespace laser {

class MessageFilter;
struct PassTensor;

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
  /// "pending/<tensor>/left" and "right" besides; with a filter what it knows (aggregate/message_filter.hpp),
  /// "momentum" [K, d] of averages; of a held estimate "held/<tensor>" [m, n]. Taking it changes nothing
  /// about the rounds that follow.
  [[nodiscard]] NamedTensors state();
  /// Empties the memories of the local workers that are not awake, `awake` [K], as where a client
  /// that leaves keeps nothing.
  void forget_asleep(std::span<const char> awake);
  /// Whether a tensor of the state has a row for each local worker, and is not the same at all of them.
  [[nodiscard]] static bool has_rows(const std::string& name, const at::Tensor& tensor);
  /// Restores what `state` returned. Throws Error (data) if a name, type or shape, the number of workers
  /// among it, does not fit or a number is not finite; nothing has changed then.
  void load_state(const NamedTensors& state);
  /// Error memory e_i of a tensor, [K, m, n]; undefined where it has none.
  [[nodiscard]] at::Tensor memory(std::size_t layer);
  [[nodiscard]] const Layout& layout() const { return layout_; }
  /// Who plays which role.
  [[nodiscard]] const Parts& parts() const { return parts_; }

 private:
  struct TensorState {  // of one parameter tensor
    const Compressor* compressor = nullptr;
    NamedTensors shared;
    NamedTensors constants;
    // e_i = memory - pending.left^T pending.right: the product is subtracted by the next pass. Undefined
    // without error feedback.
    at::Tensor memory;  // [K, m, n]
    Factors pending;
    // The estimate that server and workers share, in units of gradients; undefined where none is held, and
    // before the first round.
    at::Tensor held;  // [m, n]
  };
  struct Transmission {  // one tensor in one pass
    std::size_t tensor = 0;
    Message message;
    bool gathered = false;               // the blocks hold the symbols of all k workers, not of the K here
    std::int64_t groups = 0;             // over all blocks
    std::int64_t symbols = 0;            // over all blocks
    WorkerTable norms;                   // [k, groups]
    WorkerTable local_norms;             // [K, groups]
    std::vector<double> group_energies;  // [groups] p_b
    std::vector<Superposition> scales;   // [groups]
    std::vector<OnAir> air;              // one a block
    std::vector<at::Tensor> exact;       // one a block: without noise, where wanted
    // Over a digital link:
    bool afforded = true;  // every worker that sends has bits for something
    // The blocks before they were quantised, where wanted; empty: as they are
    std::vector<at::Tensor> numbers;
    std::vector<Reception> noisy, clean;
    // One a block, [C, D]: symbols of the held estimate; empty where there is none
    std::vector<at::Tensor> held;
    double prediction = 0;  // rho: the blocks are without rho x held
  };
  struct Round;  // the state of a round under way
  struct Kept {  // what a round changes, as it was before
    std::shared_ptr<MessageFilter> filter;
    std::vector<TensorState> tensors;
    double reach = 0;
  };

  void check_arguments(std::int64_t index, double budget, double scale) const;
  void check_whole(const at::Tensor& gradients, const at::Tensor& estimate) const;
  [[nodiscard]] std::vector<at::Tensor> parts_of_gradients(std::span<const at::Tensor> gradients) const;
  [[nodiscard]] std::vector<at::Tensor> parts_of_estimate(std::span<const at::Tensor> estimate) const;
  [[nodiscard]] std::vector<Looked> look_through(std::span<const at::Tensor> gradients,
                                                 const std::vector<char>& awake) const;
  double check_gradients(const Round& round) const;
  RoundReport run_checked(Round& round, double budget, double scale);
  [[nodiscard]] bool near_the_edge(double largest, double budget);
  void check_outcome(const Round& round);
  [[nodiscard]] Kept keep() const;
  void run(Round& round, double budget, double scale);
  void draw_links(Round& round) const;
  void form_inputs(Round& round);
  PassTensor prepare(Round& round, std::size_t tensor);
  void form_messages(Round& round);
  std::vector<Transmission> encode(Round& round, int pass);
  void measure(Transmission& transmission) const;
  void equalise(const Round& round, Transmission& transmission) const;
  void predict(Round& round, std::vector<Transmission>& transmissions, int pass) const;
  [[nodiscard]] at::Tensor held_after(const Round& round, const Transmission& transmission, int pass,
                                      std::span<const Reception> heard) const;
  void allocate(Round& round, std::vector<Transmission>& transmissions, double budget, int pass);
  void superpose(const Round& round, std::vector<Transmission>& transmissions) const;
  [[nodiscard]] Superposition scales_of(const Round& round, std::size_t tensor, std::span<const double> norms,
                                        std::span<const double> energies) const;
  [[nodiscard]] double unused_factor(const Round& round, const std::vector<Transmission>& transmissions,
                                     double budget) const;
  void count_symbols(Round& round, const std::vector<Transmission>& transmissions, int pass) const;
  void cross_channel(Round& round, std::vector<Transmission>& transmissions, int pass);
  void add_up(Round& round, std::vector<Transmission>& transmissions);
  void decode(Round& round, std::vector<Transmission>& transmissions, int pass) const;
  Decoded decode_one(Round& round, Transmission& transmission, int pass) const;
  void decode_clean(Round& round, const Transmission& transmission, int pass) const;
  void weigh(Round& round) const;
  void check_message(const Message& message, std::size_t tensor) const;
  void check_decoded(const Decoded& decoded, std::size_t tensor) const;
  void gather_symbols(std::vector<Transmission>& transmissions);
  [[nodiscard]] double air_symbols_of(std::size_t tensor, int pass) const;
  [[nodiscard]] std::vector<double> bits_of(const Round& round, std::size_t tensor, int pass) const;
  [[nodiscard]] std::vector<double> local_bits(const Round& round, std::size_t tensor, int pass) const;
  void quantise_message(const Round& round, Transmission& transmission, int pass) const;
  void share_energy(const Round& round, std::vector<Transmission>& transmissions, int pass) const;
  void count_unheard(Round& round, const Transmission& transmission) const;
  void transmit(const Round& round, Transmission& transmission, int pass);
  void receive(const Round& round, Transmission& transmission, int pass);
  void gather_norms(std::vector<Transmission>& transmissions, const Round& round);
  /// Whether parts may be asked by several threads at once; those from other languages may not.
  [[nodiscard]] bool threads() const {
    return parts_.compressor->traits().threads && parts_.feedback->traits().threads &&
           parts_.receiver->traits().threads;
  }
  void for_each_piece_of(std::span<const std::size_t> sizes,
                         const std::function<void(std::size_t)>& work) const;
  void for_each_tensor(const std::function<void(std::size_t)>& work) const;
  void for_each_transmission(std::vector<Transmission>& transmissions,
                             const std::function<void(Transmission&)>& work) const;
  NamedTensors scale_received(Round& round, Transmission& transmission) const;
  void update_memories(Round& round);
  void conclude(Round& round);
  void update_memory(Round& round, std::size_t tensor);
  [[nodiscard]] double own_residual(const Round& round, std::size_t tensor) const;
  void count_energy(Round& round, double budget);
  void apply_pending();
  [[nodiscard]] WorkerTable gather(const WorkerTable& local) const;
  void check_finite(const WorkerTable& norms, std::size_t tensor, std::int64_t round, const char* what) const;
  /// Whether the workers have an error memory of the tensor.
  [[nodiscard]] bool remembers(const TensorState& tensor) const {
    const auto feedback = parts_.feedback->traits();
    return feedback.remembers && (feedback.everywhere || is_compressed(tensor));
  }
  [[nodiscard]] bool is_compressed(const TensorState& tensor) const {
    return tensor.compressor == parts_.compressor.get();
  }
  /// Whether server and workers hold the tensor's estimate; of what is sent whole and without a prediction
  /// nothing would be left to hold.
  [[nodiscard]] bool holds(const TensorState& tensor) const {
    const auto feedback = parts_.feedback->traits();
    return feedback.holds && (feedback.predicts || !tensor.compressor->traits().exact);
  }
  /// Rounds that a symbol of the tensor is held.
  [[nodiscard]] std::int64_t held_rounds(std::size_t tensor) const {
    const auto& state = tensors_[tensor];
    return holds(state) ? state.compressor->cycle(layout_.layers[tensor]) : 1;
  }
  [[nodiscard]] bool is_last(int pass) const { return pass == last_pass_; }
  void diagnose(Round& round, double scale);
  [[nodiscard]] at::Tensor slice(const at::Tensor& flat, std::size_t tensor) const;
  [[nodiscard]] std::vector<at::Tensor> slices(const at::Tensor& flat) const;

  Layout layout_;
  std::uint64_t seed_;
  Collective& collective_;
  std::unique_ptr<NoiseSource> noise_;
  bool outsiders_;  // some parts are the caller's own, and may fail at any time: what lasts is kept aside
  Parts parts_;
  std::unique_ptr<Compressor> uncompressed_;
  int last_pass_;
  Allocation allocation_;
  at::ScalarType type_;
  at::ScalarType memory_type_;
  ChannelMode mode_;
  std::shared_ptr<MessageFilter> filter_;
  bool draws_per_tensor_;
  bool fill_budget_;
  bool equal_norms_;
  double participation_;
  double loss_rate_;
  bool exact_exchange_;
  std::int64_t air_rank_;
  double scale_bits_;
  double air_symbols_ = 0;            // of a round over a digital link; 0 elsewhere
  std::vector<double> power_shares_;  // [k] budget of each worker over P_t, mean 1
  std::vector<TensorState> tensors_;
  bool lasting_ = false;      // a round changes memories or averages before it knows its end
  double reach_ = 0;          // no message of a worker has been longer, as far as is known
  std::int64_t broken_ = -1;  // the round that ended in the middle; -1: none
};

}  // namespace laser
