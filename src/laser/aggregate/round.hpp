// What the round is made of; private to the aggregator's own files, of which each has a step of it.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "laser/aggregate/aggregator.hpp"
#include "laser/channel/superposition.hpp"
#include "laser/core/worker_table.hpp"

namespace laser {

class MessageFilter;
struct PassTensor;

/// Streams that a pass has, one for each block of a message.
inline constexpr std::uint32_t kBlocksAPass = 16;

/// The stream of a block among those of its tensor and round.
inline std::uint32_t unit_of(int pass, std::size_t block) {
  return static_cast<std::uint32_t>(pass) * kBlocksAPass + static_cast<std::uint32_t>(block);
}

class Aggregator::Impl {
 public:
  Impl(Layout layout, const Algorithm& algorithm, Parts parts, std::uint64_t seed, Collective& collective,
       at::ScalarType type, std::unique_ptr<NoiseSource> noise);

  // What Aggregator says of itself, by the same names.
  RoundReport round(std::int64_t index, double budget, const at::Tensor& gradients, at::Tensor& estimate,
                    bool diagnosed, double scale);
  RoundReport round(std::int64_t index, double budget, std::span<const at::Tensor> gradients,
                    std::span<const at::Tensor> estimate, bool diagnosed, double scale,
                    std::span<const Looked> looked);
  [[nodiscard]] std::vector<char> awake(std::int64_t round) const;
  [[nodiscard]] std::vector<Looked> look(std::span<const at::Tensor> gradients) const;
  [[nodiscard]] NamedTensors state();
  void forget_asleep(std::span<const char> awake);
  void load_state(const NamedTensors& state);
  [[nodiscard]] at::Tensor memory(std::size_t layer);
  [[nodiscard]] const Layout& layout() const { return layout_; }
  [[nodiscard]] const Parts& parts() const { return parts_; }

 private:
  struct Round;         // the state of a round under way
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
    // One a pass: [k, G] mean squares of the norms of its groups of symbols, in double; undefined before the
    // first round, and where nobody asks for them.
    std::vector<at::Tensor> squares;
  };
  struct Transmission {  // one tensor in one pass
    std::size_t tensor = 0;
    Message message;
    bool gathered = false;               // the blocks hold the symbols of all k workers, not of the K here
    std::int64_t groups = 0;             // over all blocks
    std::int64_t symbols = 0;            // over all blocks
    WorkerTable norms;                   // [k, groups]
    WorkerTable expected;                // [k, groups] the norms that are expected; empty: none are
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
    /// What the scales follow.
    [[nodiscard]] const WorkerTable& scaling() const { return expected.columns() == 0 ? norms : expected; }
  };
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
  void expect(Round& round, Transmission& transmission, int pass) const;
  void predict(Round& round, std::vector<Transmission>& transmissions, int pass) const;
  [[nodiscard]] at::Tensor held_after(const Round& round, const Transmission& transmission, int pass,
                                      std::span<const Reception> heard) const;
  [[nodiscard]] std::pair<WorkerTable, WorkerTable> norms_of_tensors(
      const Round& round, const std::vector<Transmission>& transmissions) const;
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
  at::ScalarType type_;
  at::ScalarType memory_type_;
  ChannelMode mode_;
  std::shared_ptr<MessageFilter> filter_;
  bool draws_per_tensor_;
  bool fill_budget_;
  bool equal_norms_;
  bool expected_norms_;
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

struct Aggregator::Impl::Round {
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
  // Of each tensor and pass: mean squares of norms from here on; undefined where they stay as they were.
  std::vector<std::vector<at::Tensor>> squares;
  WorkerTable raw_norms;             // [k, tensors] of the messages M_i
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
