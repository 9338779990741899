#include "laser/aggregate/aggregator.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "laser/aggregate/receiver.hpp"
#include "laser/aggregate/round.hpp"
#include "laser/aggregate/split.hpp"
#include "laser/core/error.hpp"

namespace laser {

Aggregator::Aggregator(Layout layout, const Algorithm& algorithm, std::uint64_t seed, Collective& collective,
                       at::ScalarType type, std::unique_ptr<NoiseSource> noise)
    : layout_(std::move(layout)),
      seed_(seed),
      collective_(collective),
      noise_(noise ? std::move(noise) : std::make_unique<AddressedNoise>()),
      compressor_(make_compressor(algorithm.compressor)),
      uncompressed_(make_compressor({.name = "identity"})),
      channel_(make_channel(algorithm.channel)),
      allocation_(parse_allocation(algorithm.allocation)),
      memory_type_(algorithm.memory == "bfloat16" ? at::kBFloat16 : type),
      mode_(algorithm.channel_mode == "physical" ? ChannelMode::kPhysical : ChannelMode::kFast),
      feedback_(algorithm.feedback),
      receiver_(algorithm.receiver) {
  validate(algorithm);
  compressor_->check(layout_);
  for (std::size_t l = 0; l < layout_.layers.size(); ++l) {
    const auto& layer = layout_.layers[l];
    const auto index = static_cast<std::uint32_t>(l);
    TensorState state;
    state.compressor = compressor_->applies(layer) ? compressor_.get() : uncompressed_.get();
    state.shared = state.compressor->initial_state(layer, index, seed_, type);
    state.constants = state.compressor->constants(layer, index, seed_, type);
    tensors_.push_back(std::move(state));
  }
}

RoundReport Aggregator::round(std::int64_t index, double budget, const at::Tensor& gradients,
                              at::Tensor& estimate, bool diagnosed, double scale) {
  LASER_CHECK(gradients.dim() == 2 && gradients.size(1) == layout_.size && gradients.stride(1) == 1);
  LASER_CHECK(estimate.numel() == layout_.size && estimate.is_contiguous());
  Round round;
  round.index = index;
  round.diagnosed = diagnosed;
  round.link = channel_->draw(seed_, index, collective_.workers());
  round.estimate = estimate;
  round.report.energy.assign(static_cast<std::size_t>(gradients.size(0)), 0.0);

  open(round, gradients, scale);  // M_i = e_i + s g_i
  const auto shares = compressor_->pass_shares();
  for (std::size_t pass = 0; pass < shares.size(); ++pass) {
    auto sendings = encode(round, static_cast<int>(pass));
    allocate(round, sendings, budget * shares[pass]);
    exchange(round, sendings, static_cast<int>(pass));
  }
  close(round, gradients, scale);  // e_i = M_i - what the worker got across
  round.report.energy = collective_.gather_rows(std::move(round.report.energy), 1);
  return std::move(round.report);
}

void Aggregator::open(Round& round, const at::Tensor& gradients, double scale) {
  const auto workers = static_cast<std::size_t>(gradients.size(0)), count = tensors_.size();
  std::vector<SweepTensor> sweeps(count);
  for (std::size_t l = 0; l < count; ++l) {
    auto& tensor = tensors_[l];
    const auto gradient = slice(gradients, l);
    Exchange exchange;
    exchange.layer = &layout_.layers[l];
    exchange.index = static_cast<std::uint32_t>(l);
    exchange.seed = seed_;
    exchange.round = round.index;
    exchange.shared = &tensor.shared;
    exchange.constants = &tensor.constants;
    auto& task = sweeps[l];
    task.gradient = gradient;
    if (feedback_ != "none" && tensor.compressor == compressor_.get()) {
      if (!tensor.memory.defined()) {
        tensor.memory = at::zeros(gradient.sizes(), gradient.options().dtype(memory_type_));
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
    // Norms of M: where the budget is shared by them, and where no product of M would show what is not
    // finite.
    task.norms_wanted = uses_raw_norms(allocation_) || round.diagnosed || !task.projection.wanted();
    round.exchanges.push_back(std::move(exchange));
  }
  sweep(sweeps, static_cast<std::uint32_t>(collective_.first_worker()));  // M_i = e_i + s g_i
  round.silent.assign(count, false);
  std::vector<double> rows(workers * count, 0.0);
  for (std::size_t l = 0; l < count; ++l) {
    round.exchanges[l].products = std::move(sweeps[l].products);
    for (std::size_t i = 0; i < sweeps[l].norms.size(); ++i) rows[i * count + l] = sweeps[l].norms[i];
  }
  round.raw_norms = collective_.gather_rows(std::move(rows), static_cast<std::int64_t>(count));
  for (std::size_t l = 0; l < count; ++l) {
    std::vector<double> column;
    for (std::size_t j = l; j < round.raw_norms.size(); j += count) column.push_back(round.raw_norms[j]);
    check_finite(column, 1, l, round.index);
  }
}

void Aggregator::check_finite(const std::vector<double>& norms, std::size_t columns, std::size_t tensor,
                              std::int64_t round) const {
  for (std::size_t j = 0; j < norms.size(); ++j) {
    if (!std::isfinite(norms[j])) {
      fail(ExitCode::kNonFinite,
           "the gradient of tensor '{}' at worker {} is not finite in round {}. HINT: lower learning_rate, "
           "raise power, or try feedback=none",
           layout_.layers[tensor].name, j / columns, round);
    }
  }
}

std::vector<Aggregator::Sending> Aggregator::encode(Round& round, int pass) {
  const bool last = pass + 1 == static_cast<int>(compressor_->pass_shares().size());
  std::vector<Sending> sendings;
  for (std::size_t l = 0; l < tensors_.size(); ++l) {
    const auto* compressor = tensors_[l].compressor;
    if (round.silent[l] || (compressor == uncompressed_.get() && !last)) continue;
    Sending sending{l, compressor->encode(round.exchanges[l], pass), 0, {}, {}, {}};
    const auto& blocks = sending.message.blocks;
    for (const auto& block : blocks) {
      sending.groups += block.size(1);
      round.report.symbols += block.size(1) * block.size(2);
    }
    const auto workers = static_cast<std::size_t>(blocks[0].size(0));
    sending.local_norms.resize(workers * static_cast<std::size_t>(sending.groups));
    std::size_t first = 0;
    for (const auto& block : blocks) {
      const auto norms = group_norms(block);
      const auto groups = static_cast<std::size_t>(block.size(1));
      for (std::size_t j = 0; j < norms.size(); ++j) {
        sending.local_norms[j / groups * static_cast<std::size_t>(sending.groups) + first + j % groups] =
            norms[j];
      }
      first += groups;
    }
    sending.norms = collective_.gather_rows(sending.local_norms, sending.groups);
    check_finite(sending.norms, static_cast<std::size_t>(sending.groups), l, round.index);
    sendings.push_back(std::move(sending));
  }
  return sendings;
}

void Aggregator::allocate(Round& round, std::vector<Sending>& sendings, double budget) {
  const auto workers = static_cast<std::size_t>(collective_.workers()), blocks = sendings.size();
  if (!channel_->noisy()) {
    for (auto& sending : sendings)
      sending.group_energies.assign(static_cast<std::size_t>(sending.groups), 0.0);
    return;
  }
  std::vector<double> raw(workers * blocks), sent(workers * blocks);
  std::vector<std::int64_t> symbols(blocks, 0);
  for (std::size_t b = 0; b < blocks; ++b) {
    const auto& sending = sendings[b];
    for (const auto& block : sending.message.blocks) symbols[b] += block.size(1) * block.size(2);
    auto content = sending.message.content_norm;
    if (!content.empty()) content = collective_.gather_rows(std::move(content), 1);
    for (std::size_t i = 0; i < workers; ++i) {
      raw[i * blocks + b] = round.raw_norms[i * tensors_.size() + sending.tensor];
      sent[i * blocks + b] = content.empty() ? norm_of_groups(sending.norms, i, sending.groups) : content[i];
    }
  }
  const std::vector<double> budgets(workers, budget);
  const auto energies = block_energies(allocation_, budgets, {raw, sent, symbols});
  for (std::size_t b = 0; b < blocks; ++b) {
    auto& sending = sendings[b];
    std::vector<double> own(workers);  // [k] what each worker would give the tensor
    for (std::size_t i = 0; i < workers; ++i) own[i] = energies[i * blocks + b];
    const auto& layer = layout_.layers[sending.tensor];
    sending.group_energies = split_over_groups(sending.message.split, layer, own, sending.norms);
  }
}

void Aggregator::exchange(Round& round, const std::vector<Sending>& sendings, int pass) {
  for (const auto& sending : sendings) {
    const auto l = sending.tensor;
    std::vector<Reception> noisy, clean;
    transmit(round, sending, pass, noisy, clean);
    if (round.silent[l]) continue;
    const auto* compressor = tensors_[l].compressor;
    auto& exchange = round.exchanges[l];
    auto decoded = compressor->decode(exchange, pass, noisy);
    if (!decoded.complete()) continue;  // more passes to come
    decoded.write(slice(round.estimate, l));
    if (round.diagnosed) {
      if (!round.clean.defined()) round.clean = at::zeros_like(round.estimate);
      compressor->decode(exchange, pass, clean).write(slice(round.clean, l));
    }
    tensors_[l].shared = std::move(decoded.shared);
  }
}

void Aggregator::transmit(Round& round, const Sending& sending, int pass, std::vector<Reception>& noisy,
                          std::vector<Reception>& clean) {
  const auto workers = static_cast<std::size_t>(collective_.workers());
  const auto groups = static_cast<std::size_t>(sending.groups);
  std::vector<Superposition> scales;
  for (std::size_t g = 0; g < groups; ++g) {
    std::vector<double> norms(workers);
    for (std::size_t i = 0; i < workers; ++i) norms[i] = sending.norms[i * groups + g];
    scales.push_back(channel_->superpose(round.link, norms, sending.group_energies[g]));
  }
  const auto unheard = std::count_if(scales.begin(), scales.end(), [](const auto& s) { return !s.received; });
  const auto powered = std::count_if(sending.group_energies.begin(), sending.group_energies.end(),
                                     [](double energy) { return energy > 0; });
  if (unheard > 0 && powered == 0) {
    round.silent[sending.tensor] = true;
    return;
  }
  std::size_t first = 0;
  for (std::size_t b = 0; b < sending.message.blocks.size(); ++b) {
    const auto& block = sending.message.blocks[b];
    const auto count = static_cast<std::size_t>(block.size(1));
    const auto scale = std::span(scales).subspan(first, count);
    const auto local = columns_of(sending.local_norms, groups, first, count);
    auto air = superpose_symbols(block, scale, local, collective_.first_worker(), mode_);
    collective_.sum(air.sum);
    Reception reception{air.sum, {}};
    for (const auto& s : scale) reception.noise_std.push_back(s.noise_std);
    at::Tensor exact;
    if (round.diagnosed || receiver_ == "mmse_genie") {
      exact = superpose_symbols(block, scale, local, collective_.first_worker(), ChannelMode::kFast).sum;
      collective_.sum(exact);
    }
    const auto unit = static_cast<std::uint32_t>(pass) * 16 + static_cast<std::uint32_t>(b);
    receive_symbols(air.sum, scale, mode_, *noise_,
                    round.exchanges[sending.tensor].key(Purpose::kNoise, unit));
    if (receiver_ != "unbiased")
      apply_mmse(air.sum, receiver_ == "mmse_genie" ? exact : air.sum, reception.noise_std,
                 receiver_ == "mmse_genie");
    noisy.push_back(reception);
    if (round.diagnosed) clean.push_back({exact, std::vector<double>(count, 0.0)});
    for (std::size_t i = 0; i < air.energy.size(); ++i) round.report.energy[i] += air.energy[i];
    first += count;
  }
}

void Aggregator::close(Round& round, const at::Tensor& gradients, double scale) {
  for (std::size_t l = 0; l < tensors_.size(); ++l) {
    auto& tensor = tensors_[l];
    if (round.silent[l]) slice(round.estimate, l).zero_();
    if (round.silent[l] || !tensor.memory.defined()) continue;  // a silent tensor keeps its whole message
    if (feedback_ == "local") {
      tensor.pending = tensor.compressor->own_factors(round.exchanges[l]);
      if (!tensor.pending.defined()) tensor.compressor->subtract_own(round.exchanges[l], tensor.memory);
    } else {
      tensor.memory.sub_(slice(round.estimate, l));
    }
  }
  if (round.diagnosed) diagnose(round, gradients);
  if (scale != 1.0) round.estimate.div_(scale);
}

at::Tensor Aggregator::slice(const at::Tensor& flat, std::size_t tensor) const {
  const auto& layer = layout_.layers[tensor];
  const auto part = flat.narrow(-1, layer.offset, layer.size);
  return flat.dim() == 1 ? part.view({layer.rows, layer.columns})
                         : part.unflatten(1, {layer.rows, layer.columns});
}

}  // namespace laser
