#include "laser/aggregate/aggregator.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <set>
#include <utility>

#include "laser/aggregate/message_filter.hpp"
#include "laser/aggregate/presence.hpp"
#include "laser/aggregate/round.hpp"
#include "laser/aggregate/split.hpp"
#include "laser/core/fail.hpp"

namespace laser {
namespace {

/// Throws Error (configuration) where there are no workers, or those here are not among them.
Collective& checked_workers(Collective& collective) {
  const auto workers = collective.workers(), first = collective.first_worker(),
             here = collective.local_workers();
  if (workers < 1) fail(ExitCode::kConfiguration, "there are {} workers. HINT: 1 or more", workers);
  if (here < 1 || first < 0 || first > workers - here) {
    fail(
        ExitCode::kConfiguration,
        "this process holds {} workers from number {} on, of {} in all. HINT: 1 or more, consecutive ones of "
        "all",
        here, first, workers);
  }
  return collective;
}

/// Throws Error (configuration) where the tensors do not lie one behind the other, as their shapes say.
void check_places(const Layout& layout) {
  Layout right;
  for (const auto& layer : layout.layers) {
    right.add(layer.name, layer.shape);
    const auto& as = right.layers.back();
    if (layer.offset == as.offset && layer.size == as.size && layer.rows == as.rows &&
        layer.columns == as.columns)
      continue;
    fail(ExitCode::kConfiguration,
         "tensor '{}' has {} numbers from {} on, as a matrix [{}, {}], and its shape and those before it say "
         "{} from {} on, [{}, {}]. HINT: Layout::add() fills in all of them",
         layer.name, layer.size, layer.offset, layer.rows, layer.columns, as.size, as.offset, as.rows,
         as.columns);
  }
  if (layout.size != right.size) {
    fail(ExitCode::kConfiguration,
         "the model has {} numbers, and its tensors have {}. HINT: Layout::add() counts them", layout.size,
         right.size);
  }
}

/// Throws Error (configuration) for a model whose tensors cannot be told apart or lie in a wrong place, or no
/// model at all.
void check_layout(const Layout& layout, at::ScalarType type) {
  if (type != at::kFloat && type != at::kDouble) {
    fail(ExitCode::kConfiguration, "a round works on float32 or float64, not on {}. HINT: at::kFloat",
         at::toString(type));
  }
  if (layout.layers.empty())
    fail(ExitCode::kConfiguration, "the model has no tensors. HINT: Layout::add() adds one");
  if (layout.layers.size() >= kPresenceLayer) {
    fail(ExitCode::kConfiguration, "the model has {} tensors, more than {}. HINT: send several as one",
         layout.layers.size(), kPresenceLayer);
  }
  std::set<std::string> names;
  for (const auto& layer : layout.layers) {
    if (!names.insert(layer.name).second)
      fail(ExitCode::kConfiguration, "two tensors of the model are called '{}'. HINT: a name for each",
           layer.name);
  }
  check_places(layout);
}

}  // namespace

Aggregator::Impl::Impl(Layout layout, const Algorithm& algorithm, Parts parts, std::uint64_t seed,
                       Collective& collective, at::ScalarType type, std::unique_ptr<NoiseSource> noise)
    : layout_(std::move(layout)),
      seed_(seed),
      collective_(checked_workers(collective)),
      noise_(noise ? std::move(noise) : std::make_unique<AddressedNoise>()),
      outsiders_(parts.compressor || parts.feedback || parts.receiver || parts.channel || parts.allocation),
      parts_(make_parts(algorithm, std::move(parts))),
      uncompressed_(make_compressor({.name = "identity"})),
      last_pass_(static_cast<int>(parts_.compressor->pass_shares().size()) - 1),
      type_(type),
      memory_type_(algorithm.memory == "bfloat16" ? at::kBFloat16 : type),
      mode_(algorithm.channel_mode == "physical" ? ChannelMode::kPhysical : ChannelMode::kFast),
      draws_per_tensor_(algorithm.fading_draw == "tensor" && parts_.channel->traits().fades),
      fill_budget_(algorithm.fill_budget),
      equal_norms_(algorithm.filter.equal_norms),
      expected_norms_(algorithm.precoding == "expected" && parts_.channel->traits().noisy),
      participation_(algorithm.participation),
      loss_rate_(algorithm.loss_rate),
      exact_exchange_(algorithm.exchange == "exact"),
      air_rank_(algorithm.air_rank),
      scale_bits_(algorithm.scale_bits),
      power_shares_(shares_of(algorithm.power_shares, collective.workers())) {
  check_layout(layout_, type);
  parts_.compressor->check(layout_);
  double whole = 0;
  for (const double share : parts_.compressor->pass_shares()) whole += share > 0 ? share : std::nan("");
  if (!(std::abs(whole - 1) < 1e-9))
    fail(ExitCode::kConfiguration,
         "the compressor's pass_shares() are not above 0 or don't add up to 1. HINT: {{1.0}} for one pass");
  for (std::size_t l = 0; l < layout_.layers.size(); ++l) {
    const auto& layer = layout_.layers[l];
    const auto index = static_cast<std::uint32_t>(l);
    TensorState state;
    state.compressor = parts_.compressor->applies(layer) ? parts_.compressor.get() : uncompressed_.get();
    state.shared = state.compressor->initial_state(layer, index, seed_, type);
    state.constants = state.compressor->constants(layer, index, seed_, type);
    state.squares.resize(static_cast<std::size_t>(last_pass_) + 1);
    lasting_ = lasting_ || remembers(state) || expected_norms_;
    tensors_.push_back(std::move(state));
    if (parts_.channel->traits().digital) air_symbols_ += air_symbols(layer, air_rank_);
  }
  std::vector<std::int64_t> cycles;
  for (std::size_t l = 0; l < tensors_.size(); ++l) cycles.push_back(held_rounds(l));
  filter_ = std::make_shared<MessageFilter>(algorithm, layout_, cycles, type);
  lasting_ = lasting_ || filter_->active();
}

RoundReport Aggregator::Impl::round(std::int64_t index, double budget, const at::Tensor& gradients,
                                    at::Tensor& estimate, bool diagnosed, double scale) {
  check_arguments(index, budget, scale);
  check_whole(gradients, estimate);
  Round round;
  round.index = index;
  round.diagnosed = diagnosed;
  round.all_gradients = gradients.stride(1) == 1 ? gradients : gradients.contiguous();
  round.gradients = slices(round.all_gradients);
  round.estimate = slices(estimate);
  return run_checked(round, budget, scale);
}

RoundReport Aggregator::Impl::round(std::int64_t index, double budget, std::span<const at::Tensor> gradients,
                                    std::span<const at::Tensor> estimate, bool diagnosed, double scale,
                                    std::span<const Looked> looked) {
  check_arguments(index, budget, scale);
  Round round;
  round.index = index;
  round.diagnosed = diagnosed;
  round.gradients = parts_of_gradients(gradients);
  round.estimate = parts_of_estimate(estimate);
  round.looked = looked;
  // Where estimates lie in gradients these are gone once they are written; who looks at
  // them later gets copies.
  const bool looks_back = diagnosed || parts_.receiver->traits().exact || collective_.local_workers() > 1;
  for (std::size_t l = 0; l < tensors_.size() && looks_back; ++l) {
    if (round.gradients[l].storage().is_alias_of(round.estimate[l].storage()))
      round.gradients[l] = round.gradients[l].clone(at::MemoryFormat::Contiguous);
  }
  return run_checked(round, budget, scale);
}

RoundReport Aggregator::Impl::run_checked(Round& round, double budget, double scale) {
  round.report.energy.assign(static_cast<std::size_t>(collective_.local_workers()), 0.0);
  draw_links(round);  // who takes part, and over which gains
  if (!lasting_) {
    run(round, budget, scale);  // changes nothing before its end
    return std::move(round.report);
  }
  const double largest = check_gradients(round) * scale;
  const bool edge = near_the_edge(largest, budget) || outsiders_;
  const auto kept = edge ? keep() : Kept{};
  try {
    run(round, budget, scale);
    if (edge) check_outcome(round);
  } catch (...) {
    if (edge) {
      filter_ = kept.filter;
      tensors_ = kept.tensors;
      reach_ = kept.reach;
    } else {
      broken_ = round.index;
    }
    throw;
  }
  return std::move(round.report);
}

/// One round, Algorithm 1 for any parts (spec 2.5): a line a step.
void Aggregator::Impl::run(Round& round, double budget, double scale) {
  round.budget = budget;
  round.scale = scale;
  form_inputs(round);    // g_i, or the average that a worker sends in its place (docs/swept.md)
  form_messages(round);  // M_i = e_i + s g_i (spec 2.5)
  const auto shares = parts_.compressor->pass_shares();
  for (int pass = 0; pass <= last_pass_; ++pass) {
    auto transmissions = encode(round, pass);  // c_i, the symbols of M_i (spec 2.4, 4)
    allocate(round, transmissions, budget * shares[static_cast<std::size_t>(pass)],
             pass);                             // P_b,i (spec 3.2)
    cross_channel(round, transmissions, pass);  // y = sum_i h_i a_i c_i + Z (spec 1.1 to 1.3)
    decode(round, transmissions, pass);         // the estimate that y makes (spec 1.4, 2.4)
  }
  weigh(round);            // times the receiver's weight, 0 where nothing arrived (spec 1.2, 1.4)
  update_memories(round);  // e_i = M_i - what the worker got across (spec 2.5)
  conclude(round);         // the report, the estimate over s, and what lasts from here on
}

Aggregator::Aggregator(Layout layout, const Algorithm& algorithm, Parts parts, std::uint64_t seed,
                       Collective& collective, at::ScalarType type, std::unique_ptr<NoiseSource> noise)
    : impl_(std::make_unique<Impl>(std::move(layout), algorithm, std::move(parts), seed, collective, type,
                                   std::move(noise))) {}
Aggregator::Aggregator(Aggregator&&) noexcept = default;
Aggregator& Aggregator::operator=(Aggregator&&) noexcept = default;
Aggregator::~Aggregator() = default;

RoundReport Aggregator::round(std::int64_t round, double budget, const at::Tensor& gradients,
                              at::Tensor& estimate, bool diagnose, double scale) {
  return impl_->round(round, budget, gradients, estimate, diagnose, scale);
}
RoundReport Aggregator::round(std::int64_t round, double budget, std::span<const at::Tensor> gradients,
                              std::span<const at::Tensor> estimate, bool diagnose, double scale,
                              std::span<const Looked> looked) {
  return impl_->round(round, budget, gradients, estimate, diagnose, scale, looked);
}
std::vector<char> Aggregator::awake(std::int64_t round) const { return impl_->awake(round); }
std::vector<Looked> Aggregator::look(std::span<const at::Tensor> gradients) const {
  return impl_->look(gradients);
}
NamedTensors Aggregator::state() { return impl_->state(); }
void Aggregator::forget_asleep(std::span<const char> awake) { impl_->forget_asleep(awake); }
void Aggregator::load_state(const NamedTensors& state) { impl_->load_state(state); }
at::Tensor Aggregator::memory(std::size_t layer) { return impl_->memory(layer); }
const Layout& Aggregator::layout() const { return impl_->layout(); }
const Parts& Aggregator::parts() const { return impl_->parts(); }

}  // namespace laser
