#include "laser/aggregate/aggregator.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "laser/aggregate/message_filter.hpp"
#include "laser/aggregate/presence.hpp"
#include "laser/aggregate/round.hpp"
#include "laser/aggregate/split.hpp"
#include "laser/core/error.hpp"
#include "laser/core/large_pages.hpp"
#include "laser/core/parallel.hpp"

namespace laser {
namespace {

/// Throws Error (configuration) for a model whose tensors cannot be told apart, or no model at all.
void check_layout(const Layout& layout, at::ScalarType type) {
  if (type != at::kFloat && type != at::kDouble) {
    fail(ExitCode::kConfiguration, "a round works on float32 or float64, not on {}. HINT: at::kFloat",
         at::toString(type));
  }
  if (layout.layers.empty()) fail(ExitCode::kConfiguration, "the model has no tensors");
  if (layout.layers.size() >= kPresenceLayer) {
    fail(ExitCode::kConfiguration, "the model has {} tensors, more than {}", layout.layers.size(),
         kPresenceLayer);
  }
  std::set<std::string> names;
  for (const auto& layer : layout.layers) {
    if (!names.insert(layer.name).second)
      fail(ExitCode::kConfiguration, "two tensors of the model are called '{}'", layer.name);
  }
}

}  // namespace

Aggregator::Aggregator(Layout layout, const Algorithm& algorithm, Parts parts, std::uint64_t seed,
                       Collective& collective, at::ScalarType type, std::unique_ptr<NoiseSource> noise)
    : layout_(std::move(layout)),
      seed_(seed),
      collective_(collective),
      noise_(noise ? std::move(noise) : std::make_unique<AddressedNoise>()),
      parts_(make_parts(algorithm, std::move(parts))),
      uncompressed_(make_compressor({.name = "identity"})),
      last_pass_(static_cast<int>(parts_.compressor->pass_shares().size()) - 1),
      allocation_(parse_allocation(algorithm.allocation)),
      type_(type),
      memory_type_(algorithm.memory == "bfloat16" ? at::kBFloat16 : type),
      mode_(algorithm.channel_mode == "physical" ? ChannelMode::kPhysical : ChannelMode::kFast),
      draws_per_tensor_(algorithm.fading_draw == "tensor" && parts_.channel->traits().fades),
      fill_budget_(algorithm.fill_budget),
      equal_norms_(algorithm.filter.equal_norms),
      participation_(algorithm.participation),
      loss_rate_(algorithm.loss_rate),
      exact_exchange_(algorithm.exchange == "exact"),
      air_rank_(algorithm.air_rank),
      scale_bits_(algorithm.scale_bits),
      power_shares_(shares_of(algorithm.power_shares, collective.workers())) {
  check_layout(layout_, type);
  parts_.compressor->check(layout_);
  for (std::size_t l = 0; l < layout_.layers.size(); ++l) {
    const auto& layer = layout_.layers[l];
    const auto index = static_cast<std::uint32_t>(l);
    TensorState state;
    state.compressor = parts_.compressor->applies(layer) ? parts_.compressor.get() : uncompressed_.get();
    state.shared = state.compressor->initial_state(layer, index, seed_, type);
    state.constants = state.compressor->constants(layer, index, seed_, type);
    lasting_ = lasting_ || remembers(state);
    tensors_.push_back(std::move(state));
    if (parts_.channel->traits().digital) air_symbols_ += air_symbols(layer, air_rank_);
  }
  std::vector<std::int64_t> cycles;
  for (std::size_t l = 0; l < tensors_.size(); ++l) cycles.push_back(held_rounds(l));
  filter_ = std::make_shared<MessageFilter>(algorithm, layout_, cycles, type);
  lasting_ = lasting_ || filter_->active();
}

RoundReport Aggregator::round(std::int64_t index, double budget, const at::Tensor& gradients,
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

RoundReport Aggregator::round(std::int64_t index, double budget, std::span<const at::Tensor> gradients,
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

RoundReport Aggregator::run_checked(Round& round, double budget, double scale) {
  round.report.energy.assign(static_cast<std::size_t>(collective_.local_workers()), 0.0);
  draw_links(round);  // who takes part, and over which gains
  if (!lasting_) {
    run(round, budget, scale);  // changes nothing before its end
    return std::move(round.report);
  }
  const double largest = check_gradients(round) * scale;
  const bool edge = near_the_edge(largest, budget) || !threads();
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

void Aggregator::run(Round& round, double budget, double scale) {
  round.budget = budget;
  form_inputs(round);           // what the workers have to say
  form_messages(round, scale);  // M_i = e_i + s g_i
  const auto shares = parts_.compressor->pass_shares();
  for (std::size_t pass = 0; pass < shares.size(); ++pass) {
    auto transmissions = encode(round, static_cast<int>(pass));
    allocate(round, transmissions, budget * shares[pass], static_cast<int>(pass));
    cross_channel(round, transmissions, static_cast<int>(pass));
  }
  update_memories(round, budget, scale);  // e_i = M_i - what the worker got across
}

void Aggregator::for_each_tensor(const std::function<void(std::size_t)>& work) const {
  std::vector<std::size_t> sizes;
  for (const auto& layer : layout_.layers) sizes.push_back(static_cast<std::size_t>(layer.size));
  for_each_piece_of(sizes, work);
}

void Aggregator::for_each_transmission(std::vector<Transmission>& transmissions,
                                       const std::function<void(Transmission&)>& work) const {
  std::vector<std::size_t> sizes;
  for (const auto& transmission : transmissions) {
    const auto workers = transmission.message.blocks.empty() ? 1 : transmission.message.blocks[0].size(0);
    const auto numbers = transmission.message.blocks.empty() ? layout_.layers[transmission.tensor].size
                                                             : transmission.symbols * workers;
    sizes.push_back(static_cast<std::size_t>(numbers));
  }
  for_each_piece_of(sizes, [&](std::size_t i) { work(transmissions[i]); });
}

/// One after another where a part is not to be asked by several threads at once.
void Aggregator::for_each_piece_of(std::span<const std::size_t> sizes,
                                   const std::function<void(std::size_t)>& work) const {
  if (threads()) return for_each_by_size(sizes, work);
  for (std::size_t i = 0; i < sizes.size(); ++i) work(i);
}

void Aggregator::form_messages(Round& round, double scale) {
  const auto workers = static_cast<std::size_t>(collective_.local_workers()), count = tensors_.size();
  std::vector<SweepTensor> sweeps(count);
  round.exchanges.resize(count);
  round.scale = scale;
  for_each_tensor([&](std::size_t l) {
    auto& tensor = tensors_[l];
    const auto& gradient = round.inputs[l];
    auto& exchange = round.exchanges[l];
    exchange.layer = &layout_.layers[l];
    if (!holds(tensor)) exchange.place = round.estimate[l];
    exchange.index = static_cast<std::uint32_t>(l);
    exchange.seed = seed_;
    exchange.round = round.index;
    exchange.shared = &tensor.shared;
    exchange.constants = &tensor.constants;
    auto& task = sweeps[l];
    task.gradient = gradient;
    if (remembers(tensor)) {
      if (!tensor.memory.defined()) {
        tensor.memory = zeros_in_large_pages(gradient.sizes(), memory_type_);
      }
      task.memory = tensor.memory;
      task.scale = scale;
      task.pending = std::exchange(tensor.pending, {});
      task.rounding = exchange.key(Purpose::kRounding);
      exchange.message = tensor.memory;
    } else {
      if (scale != 1.0) task.gradient = gradient * scale;
      exchange.message = task.gradient;
    }
    task.projection = tensor.compressor->projection(exchange);
    // Norms of M: where the budget is shared by them, and where no product of M would show
    // what is not finite.
    task.norms_wanted =
        uses_raw_norms(allocation_) || round.diagnosed || holds(tensor) || !task.projection.wanted();
  });
  sweep(sweeps, static_cast<std::uint32_t>(collective_.first_worker()));  // M_i = e_i + s g_i
  round.silent.assign(count, 0);
  round.weights.assign(count, 1.0);
  round.report.largest.assign(count, std::numeric_limits<double>::infinity());
  round.residuals.assign(count, 0.0);
  round.shared.resize(count);
  round.held.resize(count);
  WorkerTable norms(workers, count);
  for (std::size_t l = 0; l < count; ++l) {
    round.exchanges[l].products = std::move(sweeps[l].products);
    if (!sweeps[l].norms.empty()) norms.put(l, {sweeps[l].norms, 1});
    round.exchanges[l].norms = std::move(sweeps[l].norms);
  }
  round.raw_norms = gather(norms);
  for (std::size_t l = 0; l < count; ++l)
    check_finite(round.raw_norms.part(l, 1), l, round.index, lasting_ ? "message" : "gradient");
}

/// [k, columns] the rows of all workers, from those of the local ones.
WorkerTable Aggregator::gather(const WorkerTable& local) const {
  if (local.columns() == 0) return local;
  return {collective_.gather_rows(local.numbers(), static_cast<std::int64_t>(local.columns())),
          local.columns()};
}

std::vector<Aggregator::Transmission> Aggregator::encode(Round& round, int pass) {
  std::vector<Transmission> transmissions;
  const bool digital = parts_.channel->traits().digital;
  for (std::size_t l = 0; l < tensors_.size(); ++l) {
    const bool waits = tensors_[l].compressor == uncompressed_.get() && !is_last(pass);
    if (round.silent[l] == 0 && !waits) transmissions.emplace_back().tensor = l;
  }
  for_each_transmission(transmissions, [&](Transmission& transmission) {
    const auto l = transmission.tensor;
    if (digital) {
      const auto bits = bits_of(round, l, pass);
      const auto first = bits.begin() + collective_.first_worker();
      round.exchanges[l].bits.assign(first, first + collective_.local_workers());
    }
    transmission.message = tensors_[l].compressor->encode(round.exchanges[l], pass);
    const auto& blocks = transmission.message.blocks;
    LASER_CHECK(blocks.size() <= kBlocksAPass);
    for (const auto& block : blocks) {
      transmission.groups += block.size(1);
      transmission.symbols += block.size(1) * block.size(2);
    }
    if (!parts_.feedback->traits().predicts) measure(transmission);
    if (digital) quantise_message(round, transmission, pass);
  });
  predict(round, transmissions, pass);
  gather_norms(transmissions, round);
  if (digital) {  // the link's time passes whoever uses it; half a symbol in one of two rounds
    if (pass == 0) {
      round.report.symbols = static_cast<std::int64_t>(round.index % 2 == 0 ? std::ceil(air_symbols_)
                                                                            : std::floor(air_symbols_));
    }
    return transmissions;
  }
  if (equal_norms_) {
    for_each_transmission(transmissions, [&](Transmission& transmission) { equalise(round, transmission); });
  }
  for (const auto& transmission : transmissions)
    round.report.symbols += transmission.symbols * parts_.channel->traits().uses;
  return transmissions;
}

void Aggregator::update_memories(Round& round, double budget, double scale) {
  for_each_tensor([&](std::size_t l) {
    if (round.silent[l] != 0) {
      round.estimate[l].zero_();
      round.report.largest[l] = 0;
    }
    if (round.weights[l] != 1.0) {
      round.estimate[l].mul_(round.weights[l]);
      round.report.largest[l] *= std::abs(round.weights[l]);
      if (round.clean.defined()) slice(round.clean, l).mul_(round.weights[l]);
    }
    if (round.silent[l] != 0) return;  // a silent tensor keeps its whole message
    if (round.diagnosed && is_compressed(tensors_[l]) && !parts_.feedback->traits().residual)
      round.residuals[l] = own_residual(round, l);
    if (tensors_[l].memory.defined()) update_memory(round, l);
  });
  if (round.diagnosed) diagnose(round, scale);
  if (scale != 1.0) {
    for (std::size_t l = 0; l < tensors_.size(); ++l) {
      round.estimate[l].div_(scale);
      round.report.largest[l] /= scale;
    }
  }
  count_energy(round, budget);
  for (std::size_t l = 0; l < tensors_.size(); ++l) {  // nothing can fail any more
    if (!round.shared[l].empty()) tensors_[l].shared = std::move(round.shared[l]);
    if (round.held[l].defined()) tensors_[l].held = std::move(round.held[l]);
  }
}

at::Tensor Aggregator::slice(const at::Tensor& flat, std::size_t tensor) const {
  const auto& layer = layout_.layers[tensor];
  const auto part = flat.narrow(-1, layer.offset, layer.size);
  return flat.dim() == 1 ? part.view({layer.rows, layer.columns})
                         : part.unflatten(1, {layer.rows, layer.columns});
}

std::vector<at::Tensor> Aggregator::slices(const at::Tensor& flat) const {
  std::vector<at::Tensor> all;
  for (std::size_t l = 0; l < layout_.layers.size(); ++l) all.push_back(slice(flat, l));
  return all;
}

at::Tensor Aggregator::Round::joint_gradients() const {
  if (all_gradients.defined()) return all_gradients;
  std::vector<at::Tensor> rows;
  for (const auto& part : gradients) rows.push_back(part.flatten(1));
  return at::cat(rows, 1);
}

}  // namespace laser
