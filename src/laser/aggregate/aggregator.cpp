#include "laser/aggregate/aggregator.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "laser/aggregate/presence.hpp"
#include "laser/aggregate/receiver.hpp"
#include "laser/aggregate/round.hpp"
#include "laser/aggregate/split.hpp"
#include "laser/core/error.hpp"
#include "laser/core/parallel.hpp"

namespace laser {
namespace {

const Algorithm& validated(const Algorithm& algorithm) {
  validate(algorithm);
  return algorithm;
}

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

Aggregator::Aggregator(Layout layout, const Algorithm& algorithm, std::uint64_t seed, Collective& collective,
                       at::ScalarType type, std::unique_ptr<NoiseSource> noise)
    : layout_(std::move(layout)),
      seed_(seed),
      collective_(collective),
      noise_(noise ? std::move(noise) : std::make_unique<AddressedNoise>()),
      compressor_(make_compressor(validated(algorithm).compressor)),
      uncompressed_(make_compressor({.name = "identity"})),
      channel_(make_channel(algorithm.channel, algorithm.fading)),
      last_pass_(static_cast<int>(compressor_->pass_shares().size()) - 1),
      allocation_(parse_allocation(algorithm.allocation)),
      type_(type),
      memory_type_(algorithm.memory == "bfloat16" ? at::kBFloat16 : type),
      mode_(algorithm.channel_mode == "physical" ? ChannelMode::kPhysical : ChannelMode::kFast),
      feedback_(algorithm.feedback),
      receiver_(algorithm.receiver),
      receiver_exponent_(algorithm.receiver_exponent),
      worker_momentum_(algorithm.worker_momentum),
      draws_per_tensor_(algorithm.fading_draw == "tensor" && channel_->fades()),
      fill_budget_(algorithm.fill_budget),
      participation_(algorithm.participation),
      loss_rate_(algorithm.loss_rate),
      exact_exchange_(algorithm.exchange == "exact"),
      power_shares_(shares_of(algorithm.power_shares, collective.workers())) {
  check_layout(layout_, type);
  compressor_->check(layout_);
  for (std::size_t l = 0; l < layout_.layers.size(); ++l) {
    const auto& layer = layout_.layers[l];
    const auto index = static_cast<std::uint32_t>(l);
    TensorState state;
    state.compressor = compressor_->applies(layer) ? compressor_.get() : uncompressed_.get();
    state.shared = state.compressor->initial_state(layer, index, seed_, type);
    state.constants = state.compressor->constants(layer, index, seed_, type);
    lasting_ = lasting_ || worker_momentum_ != 0 || remembers(state);
    tensors_.push_back(std::move(state));
  }
}

RoundReport Aggregator::round(std::int64_t index, double budget, const at::Tensor& gradients,
                              at::Tensor& estimate, bool diagnosed, double scale) {
  check_arguments(index, budget, gradients, estimate, scale);
  Round round;
  round.index = index;
  round.diagnosed = diagnosed;
  round.estimate = estimate;
  round.report.energy.assign(static_cast<std::size_t>(gradients.size(0)), 0.0);
  const auto rows = gradients.stride(1) == 1 ? gradients : gradients.contiguous();
  draw(round);  // who takes part, and over which gains
  if (!lasting_) {
    run(round, budget, rows, scale);  // changes nothing before its end
    return std::move(round.report);
  }
  const double largest = check_gradients(round, rows) * scale;
  const bool edge = near_the_edge(largest, budget);
  const auto kept = edge ? keep() : Kept{};
  try {
    run(round, budget, rows, scale);
    if (edge) check_outcome(round);
  } catch (...) {
    if (edge) {
      momentum_ = kept.momentum;
      tensors_ = kept.tensors;
      reach_ = kept.reach;
    } else {
      broken_ = index;
    }
    throw;
  }
  return std::move(round.report);
}

void Aggregator::run(Round& round, double budget, const at::Tensor& gradients, double scale) {
  meet(round, gradients);  // what the workers have to say
  open(round, scale);      // M_i = e_i + s g_i
  const auto shares = compressor_->pass_shares();
  for (std::size_t pass = 0; pass < shares.size(); ++pass) {
    auto sendings = encode(round, static_cast<int>(pass));
    allocate(round, sendings, budget * shares[pass]);
    exchange(round, sendings, static_cast<int>(pass));
  }
  close(round, budget, gradients, scale);  // e_i = M_i - what the worker got across
}

void Aggregator::for_each_tensor(const std::function<void(std::size_t)>& work) const {
  std::vector<std::size_t> sizes;
  for (const auto& layer : layout_.layers) sizes.push_back(static_cast<std::size_t>(layer.size));
  for_each_by_size(sizes, work);
}

void Aggregator::for_each_sending(std::vector<Sending>& sendings,
                                  const std::function<void(Sending&)>& work) const {
  std::vector<std::size_t> sizes;
  for (const auto& sending : sendings) {
    const auto workers = sending.message.blocks.empty() ? 1 : sending.message.blocks[0].size(0);
    const auto numbers =
        sending.message.blocks.empty() ? layout_.layers[sending.tensor].size : sending.symbols * workers;
    sizes.push_back(static_cast<std::size_t>(numbers));
  }
  for_each_by_size(sizes, [&](std::size_t i) { work(sendings[i]); });
}

void Aggregator::open(Round& round, double scale) {
  const auto workers = static_cast<std::size_t>(round.inputs.size(0)), count = tensors_.size();
  std::vector<SweepTensor> sweeps(count);
  round.exchanges.resize(count);
  for_each_tensor([&](std::size_t l) {
    auto& tensor = tensors_[l];
    const auto gradient = slice(round.inputs, l);
    auto& exchange = round.exchanges[l];
    exchange.layer = &layout_.layers[l];
    exchange.place = slice(round.estimate, l);
    exchange.index = static_cast<std::uint32_t>(l);
    exchange.seed = seed_;
    exchange.round = round.index;
    exchange.shared = &tensor.shared;
    exchange.constants = &tensor.constants;
    auto& task = sweeps[l];
    task.gradient = gradient;
    if (remembers(tensor)) {
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
  });
  sweep(sweeps, static_cast<std::uint32_t>(collective_.first_worker()));  // M_i = e_i + s g_i
  round.silent.assign(count, 0);
  round.weights.assign(count, 1.0);
  round.shared.resize(count);
  std::vector<double> rows(workers * count, 0.0);
  for (std::size_t l = 0; l < count; ++l) {
    round.exchanges[l].products = std::move(sweeps[l].products);
    for (std::size_t i = 0; i < sweeps[l].norms.size(); ++i) rows[i * count + l] = sweeps[l].norms[i];
    round.exchanges[l].norms = std::move(sweeps[l].norms);
  }
  round.raw_norms = collective_.gather_rows(std::move(rows), static_cast<std::int64_t>(count));
  for (std::size_t l = 0; l < count; ++l) {
    std::vector<double> column;
    for (std::size_t j = l; j < round.raw_norms.size(); j += count) column.push_back(round.raw_norms[j]);
    check_finite(column, 1, l, round.index, lasting_ ? "message" : "gradient");
  }
}

std::vector<Aggregator::Sending> Aggregator::encode(Round& round, int pass) {
  std::vector<Sending> sendings;
  for (std::size_t l = 0; l < tensors_.size(); ++l) {
    const bool waits = tensors_[l].compressor == uncompressed_.get() && !is_last(pass);
    if (round.silent[l] == 0 && !waits) sendings.emplace_back().tensor = l;
  }
  for_each_sending(sendings, [&](Sending& sending) {
    const auto l = sending.tensor;
    sending.message = tensors_[l].compressor->encode(round.exchanges[l], pass);
    const auto& blocks = sending.message.blocks;
    for (const auto& block : blocks) {
      sending.groups += block.size(1);
      sending.symbols += block.size(1) * block.size(2);
    }
    if (!sending.message.norms.empty()) {
      LASER_CHECK(sending.groups == 1);
      sending.local_norms = sending.message.norms;
      return;
    }
    const auto workers = static_cast<std::size_t>(blocks[0].size(0));
    const auto all = static_cast<std::size_t>(sending.groups);
    sending.local_norms.resize(workers * all);
    std::size_t first = 0;
    for (const auto& block : blocks) {
      const auto norms = group_norms(block);
      const auto groups = static_cast<std::size_t>(block.size(1));
      for (std::size_t j = 0; j < norms.size(); ++j) {
        sending.local_norms[j / groups * all + first + j % groups] = norms[j];
      }
      first += groups;
    }
  });
  gather_norms(sendings, round);
  for (const auto& sending : sendings) round.report.symbols += sending.symbols;
  return sendings;
}

/// Brings together the norms of all sendings' groups in one call.
void Aggregator::gather_norms(std::vector<Sending>& sendings, const Round& round) {
  std::size_t columns = 0;
  for (const auto& sending : sendings) columns += static_cast<std::size_t>(sending.groups);
  if (columns == 0) return;
  const auto spread = [&](const std::vector<double>& from, std::vector<double>& to, std::size_t row,
                          std::size_t width, std::size_t at, bool in) {
    for (std::size_t c = 0; c < width; ++c) {
      const double value = from[in ? row * width + c : row * columns + at + c];
      to[in ? row * columns + at + c : row * width + c] = value;
    }
  };
  const std::size_t locals = sendings[0].local_norms.size() / static_cast<std::size_t>(sendings[0].groups);
  const auto workers = static_cast<std::size_t>(collective_.workers());
  std::vector<double> rows(locals * columns);
  std::size_t at = 0;
  for (const auto& sending : sendings) {
    const auto width = static_cast<std::size_t>(sending.groups);
    for (std::size_t i = 0; i < locals; ++i) spread(sending.local_norms, rows, i, width, at, true);
    at += width;
  }
  rows = collective_.gather_rows(std::move(rows), static_cast<std::int64_t>(columns));
  at = 0;
  for (auto& sending : sendings) {
    const auto width = static_cast<std::size_t>(sending.groups);
    sending.norms.resize(workers * width);
    for (std::size_t i = 0; i < workers; ++i) spread(rows, sending.norms, i, width, at, false);
    at += width;
    check_finite(sending.norms, width, sending.tensor, round.index, lasting_ ? "message" : "gradient");
  }
}

void Aggregator::exchange(Round& round, std::vector<Sending>& sendings, int pass) {
  gather_symbols(sendings);
  for_each_sending(sendings, [&](Sending& sending) { transmit(round, sending); });
  std::vector<at::Tensor> sums;  // in a fixed order in every process
  for (auto& sending : sendings) {
    if (sending.air.empty()) {
      round.silent[sending.tensor] = 1;
      count_unheard(round, sending);
    }
    const auto first = static_cast<std::size_t>(sending.gathered ? collective_.first_worker() : 0);
    for (auto& air : sending.air) {
      if (!sending.gathered) sums.push_back(air.sum);
      for (std::size_t i = 0; i < round.report.energy.size(); ++i)
        round.report.energy[i] += air.energy[first + i];
    }
    if (!sending.gathered) sums.insert(sums.end(), sending.exact.begin(), sending.exact.end());
  }
  collective_.sum(sums);
  std::vector<Decoded> decoded(tensors_.size());
  for_each_sending(sendings, [&](Sending& sending) {
    const auto l = sending.tensor;
    if (round.silent[l] != 0) return;
    receive(round, sending, pass);
    NamedTensors shared;
    if (is_last(pass)) shared = scale_received(round, sending);
    decoded[l] = tensors_[l].compressor->decode(round.exchanges[l], pass, sending.noisy);
    if (!shared.empty()) decoded[l].shared = std::move(shared);
    if (decoded[l].estimate.defined()) decoded[l].write(slice(round.estimate, l));
  });
  std::vector<ProductTensor> products;
  for (auto& sending : sendings) {
    const auto l = sending.tensor;
    auto& result = decoded[l];
    if (!result.complete()) continue;  // silent, or more passes to come
    if (result.factors.defined()) products.push_back({result.factors, slice(round.estimate, l)});
    if (round.diagnosed) {
      if (!round.clean.defined()) round.clean = at::zeros_like(round.estimate);
      round.exchanges[l].place = at::Tensor();
      tensors_[l].compressor->decode(round.exchanges[l], pass, sending.clean).write(slice(round.clean, l));
    }
    round.shared[l] = std::move(result.shared);
  }
  write_products(products);
}

/// What the local workers put on the air together; nothing where the channel lets nothing through.
void Aggregator::transmit(const Round& round, Sending& sending) {
  const auto groups = static_cast<std::size_t>(sending.groups);
  const bool unheard =
      std::any_of(sending.scales.begin(), sending.scales.end(), [](const auto& s) { return !s.received; });
  const bool powered = std::any_of(sending.group_energies.begin(), sending.group_energies.end(),
                                   [](double energy) { return energy > 0; });
  if (unheard && (!powered || !round.link(sending.tensor).heard())) return;
  const auto& known = sending.gathered ? sending.norms : sending.local_norms;
  const auto first_worker = sending.gathered ? 0 : collective_.first_worker();
  std::size_t first = 0;
  for (const auto& block : sending.message.blocks) {
    const auto count = static_cast<std::size_t>(block.size(1));
    const auto scales = std::span(sending.scales).subspan(first, count);
    const auto norms = columns_of(known, groups, first, count);
    // Of what is sent as it is, the sum is the estimate: it is formed where that belongs.
    const auto& exchange = round.exchanges[sending.tensor];
    at::Tensor place;
    if (tensors_[sending.tensor].compressor->traits().exact &&
        exchange.place.scalar_type() == block.scalar_type())
      place = exchange.place.view({1, -1});
    sending.air.push_back(superpose_symbols(block, scales, norms, first_worker, mode_, place));
    if (round.diagnosed || receiver_ == "mmse_genie") {
      sending.exact.push_back(superpose_symbols(block, scales, norms, first_worker, ChannelMode::kFast).sum);
    }
    first += count;
  }
}

/// What the server hears of it, with the noise.
void Aggregator::receive(const Round& round, Sending& sending, int pass) {
  std::size_t first = 0;
  for (std::size_t b = 0; b < sending.air.size(); ++b) {
    auto& sum = sending.air[b].sum;
    const auto count = static_cast<std::size_t>(sending.message.blocks[b].size(1));
    const auto scales = std::span(sending.scales).subspan(first, count);
    Reception reception{sum, {}};
    for (const auto& s : scales) reception.noise_std.push_back(s.noise_std);
    const auto unit = static_cast<std::uint32_t>(pass) * 16 + static_cast<std::uint32_t>(b);
    receive_symbols(sum, scales, mode_, *noise_, round.exchanges[sending.tensor].key(Purpose::kNoise, unit));
    if (round.diagnosed) sending.clean.push_back({sending.exact[b], std::vector<double>(count, 0.0)});
    sending.noisy.push_back(std::move(reception));
    first += count;
  }
}

/// The receiver's part in the estimate, from the last pass alone: the passes before it bring a space, of
/// which a weight of 0 would leave nothing (spec 1.4). For the same reason what lasts is made of what was
/// heard, before it is scaled: returned where scaling makes a difference to it.
NamedTensors Aggregator::scale_received(Round& round, Sending& sending) const {
  const auto l = sending.tensor;
  if (receiver_ == "matched") {
    const auto& link = round.link(l);
    round.weights[l] = matched_weight(sending.noisy, sending.norms, link.active, receiver_exponent_);
  }
  const bool genie = receiver_ == "mmse_genie";
  if (receiver_ != "mmse" && !genie) return {};
  NamedTensors shared;
  if (!tensors_[l].shared.empty()) {
    shared = tensors_[l].compressor->decode(round.exchanges[l], last_pass_, sending.noisy).shared;
    for (auto& heard : sending.noisy) heard.values = heard.values.clone();
  }
  for (std::size_t b = 0; b < sending.noisy.size(); ++b) {
    auto& heard = sending.noisy[b];
    apply_mmse(heard.values, genie ? sending.exact[b] : heard.values, heard.noise_std, genie);
  }
  return shared;
}

void Aggregator::close(Round& round, double budget, const at::Tensor& gradients, double scale) {
  for_each_tensor([&](std::size_t l) {
    if (round.silent[l] != 0) slice(round.estimate, l).zero_();
    if (round.weights[l] != 1.0) {
      slice(round.estimate, l).mul_(round.weights[l]);
      if (round.clean.defined()) slice(round.clean, l).mul_(round.weights[l]);
    }
    // A silent tensor keeps its whole message.
    if (round.silent[l] == 0 && tensors_[l].memory.defined()) keep_rest(round, l);
  });
  if (round.diagnosed) diagnose(round, gradients, scale);
  if (scale != 1.0) round.estimate.div_(scale);
  count_energy(round, budget);
  for (std::size_t l = 0; l < tensors_.size(); ++l) {  // nothing can fail any more
    if (!round.shared[l].empty()) tensors_[l].shared = std::move(round.shared[l]);
  }
}

at::Tensor Aggregator::slice(const at::Tensor& flat, std::size_t tensor) const {
  const auto& layer = layout_.layers[tensor];
  const auto part = flat.narrow(-1, layer.offset, layer.size);
  return flat.dim() == 1 ? part.view({layer.rows, layer.columns})
                         : part.unflatten(1, {layer.rows, layer.columns});
}

}  // namespace laser
