// What the workers send: their messages, and the symbols that a compressor makes of them (spec 2.4, 2.5).
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "laser/aggregate/message_filter.hpp"
#include "laser/aggregate/round.hpp"
#include "laser/compress/fused_pass.hpp"
#include "laser/core/large_pages.hpp"

namespace laser {

/// Forms what the workers have to say: their gradients, or what the filter makes of them.
void Aggregator::Impl::form_inputs(Round& round) {
  round.inputs = round.gradients;
  const bool all_awake = std::all_of(round.awake.begin(), round.awake.end(), [](char a) { return a != 0; });
  if (!filter_->active() && all_awake) return;
  const auto gradients = round.joint_gradients();
  const auto inputs = at::zeros_like(gradients);
  const auto awake = std::span(round.awake)
                         .subspan(static_cast<std::size_t>(collective_.first_worker()),
                                  static_cast<std::size_t>(gradients.size(0)));
  filter_->apply(round.index, awake, gradients, inputs);
  round.inputs = slices(inputs);
}

/// What a tensor's compressor is told of the round, and what the pass over its memory is to do.
PassTensor Aggregator::Impl::prepare(Round& round, std::size_t l) {
  auto& tensor = tensors_[l];
  const auto& gradient = round.inputs[l];
  auto& exchange = round.exchanges[l];
  exchange.layer = &layout_.layers[l];
  if (!holds(tensor)) exchange.out = round.estimate[l];
  exchange.index = static_cast<std::uint32_t>(l);
  exchange.type = type_;
  exchange.seed = seed_;
  exchange.round = round.index;
  exchange.shared = &tensor.shared;
  exchange.constants = &tensor.constants;
  PassTensor task;
  if (remembers(tensor)) {
    if (!tensor.memory.defined()) tensor.memory = zeros_in_large_pages(gradient.sizes(), memory_type_);
    task.memory = exchange.message = tensor.memory;
    task.gradient = gradient;
    task.scale = round.scale;
    task.pending = std::exchange(tensor.pending, {});
    task.rounding = exchange.key(Purpose::kRounding);
  } else {
    task.gradient = exchange.message = round.scale == 1.0 ? gradient : gradient * round.scale;
  }
  task.projection = tensor.compressor->projection(exchange);
  // Norms of M: where the budget is shared by them, and where no product of M would show what is not finite.
  task.norms_wanted = parts_.allocation->traits().reads_messages || round.diagnosed || holds(tensor) ||
                      !task.projection.wanted();
  return task;
}

/// M_i = e_i + s g_i of all tensors, with the products and norms that are asked of them on the way.
void Aggregator::Impl::form_messages(Round& round) {
  const auto count = tensors_.size();
  round.begin(count);
  std::vector<PassTensor> passes(count);
  for_each_tensor([&](std::size_t l) { passes[l] = prepare(round, l); });
  fused_pass(passes, static_cast<std::uint32_t>(collective_.first_worker()));
  WorkerTable norms(static_cast<std::size_t>(collective_.local_workers()), count);
  for (std::size_t l = 0; l < count; ++l) {
    round.exchanges[l].products = std::move(passes[l].products);
    if (!passes[l].norms.empty()) norms.put(l, {passes[l].norms, 1});
    round.exchanges[l].norms = std::move(passes[l].norms);
  }
  round.raw_norms = gather(norms);
  for (std::size_t l = 0; l < count; ++l)
    check_finite(round.raw_norms.part(l, 1), l, round.index, lasting_ ? "message" : "gradient");
}

/// The symbols of all tensors that are sent in this pass, without what all know and in the form that the
/// channel carries.
std::vector<Aggregator::Impl::Transmission> Aggregator::Impl::encode(Round& round, int pass) {
  std::vector<Transmission> transmissions;
  for (std::size_t l = 0; l < tensors_.size(); ++l) {
    const bool waits = !is_compressed(tensors_[l]) && !is_last(pass);
    if (round.silent[l] == 0 && !waits) transmissions.emplace_back().tensor = l;
  }
  const bool digital = parts_.channel->traits().digital;
  for_each_transmission(transmissions, [&](Transmission& transmission) {
    const auto l = transmission.tensor;
    if (digital) round.exchanges[l].bits = local_bits(round, l, pass);
    transmission.message = tensors_[l].compressor->encode(round.exchanges[l], pass);
    check_message(transmission.message, l);
    for (const auto& block : transmission.message.blocks) {
      transmission.groups += block.size(1);
      transmission.symbols += block.size(1) * block.size(2);
    }
    if (!parts_.feedback->traits().predicts) measure(transmission);
    if (digital) quantise_message(round, transmission, pass);
  });
  predict(round, transmissions, pass);
  gather_norms(transmissions, round);
  if (equal_norms_)
    for_each_transmission(transmissions, [&](Transmission& transmission) { equalise(round, transmission); });
  if (expected_norms_)
    for (auto& transmission : transmissions) expect(round, transmission, pass);
  count_symbols(round, transmissions, pass);
  return transmissions;
}

/// Channel uses of the pass; a digital link's time passes whoever uses it, half a symbol in one of two
/// rounds.
void Aggregator::Impl::count_symbols(Round& round, const std::vector<Transmission>& transmissions,
                                     int pass) const {
  const auto channel = parts_.channel->traits();
  if (channel.digital) {
    const double whole = round.index % 2 == 0 ? std::ceil(air_symbols_) : std::floor(air_symbols_);
    if (pass == 0) round.report.symbols = static_cast<std::int64_t>(whole);
    return;
  }
  for (const auto& transmission : transmissions) round.report.symbols += transmission.symbols * channel.uses;
}

}  // namespace laser
