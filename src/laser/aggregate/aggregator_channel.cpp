// The way over the air: symbols are transmitted, added up and received with noise, scaled by the receiver and
// decoded into the estimate (spec 1.2, 1.4).
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "laser/aggregate/round.hpp"

namespace laser {
namespace {

/// The first stream of phases of numbers that travel as energies, beyond all streams of gains.
constexpr std::uint32_t kFirstPhases = 1U << 22;

/// No number of left^T right is larger in magnitude, whatever order it was added up in.
double largest_in_product(const Factors& factors) {
  constexpr double kRounding = 1 + 1e-3;
  return kRounding * static_cast<double>(factors.left.size(-2)) *
         largest_magnitude(factors.left.contiguous()) * largest_magnitude(factors.right.contiguous());
}

}  // namespace

void Aggregator::cross_channel(Round& round, std::vector<Transmission>& transmissions, int pass) {
  gather_symbols(transmissions);
  for_each_transmission(transmissions,
                        [&](Transmission& transmission) { transmit(round, transmission, pass); });
  std::vector<at::Tensor> sums;  // in a fixed order in every process
  for (auto& transmission : transmissions) {
    if (transmission.air.empty()) {
      round.silent[transmission.tensor] = 1;
      count_unheard(round, transmission);
    }
    const auto first = static_cast<std::size_t>(transmission.gathered ? collective_.first_worker() : 0);
    for (auto& air : transmission.air) {
      if (!transmission.gathered) sums.push_back(air.sum);
      for (std::size_t i = 0; i < round.report.energy.size(); ++i)
        round.report.energy[i] += air.energy[first + i];
    }
    if (!transmission.gathered) sums.insert(sums.end(), transmission.exact.begin(), transmission.exact.end());
  }
  collective_.sum(sums);
  std::vector<Decoded> decoded(tensors_.size());
  for_each_transmission(transmissions, [&](Transmission& transmission) {
    const auto l = transmission.tensor;
    if (round.silent[l] != 0) return;
    receive(round, transmission, pass);
    NamedTensors shared;
    if (is_last(pass)) shared = scale_received(round, transmission);
    decoded[l] = tensors_[l].compressor->decode(round.exchanges[l], pass, transmission.noisy);
    if (!shared.empty()) decoded[l].shared = std::move(shared);
    if (holds(tensors_[l])) {
      decoded[l].estimate = held_after(round, transmission, pass, transmission.noisy);
      decoded[l].factors = {};
      round.held[l] = decoded[l].estimate.div(round.scale);
    }
    if (decoded[l].estimate.defined()) decoded[l].write(round.estimate[l]);
  });
  std::vector<ProductTensor> products;
  for (auto& transmission : transmissions) {
    const auto l = transmission.tensor;
    auto& result = decoded[l];
    if (!result.complete()) continue;  // silent, or more passes to come
    if (result.factors.defined()) {
      products.push_back({result.factors, round.estimate[l]});
      round.report.largest[l] = largest_in_product(result.factors);
    }
    if (round.diagnosed) {
      if (!round.clean.defined()) round.clean = at::zeros({layout_.size}, round.estimate[l].options());
      round.exchanges[l].place = at::Tensor();
      if (holds(tensors_[l])) {
        slice(round.clean, l).copy_(held_after(round, transmission, pass, transmission.clean));
      } else {
        tensors_[l]
            .compressor->decode(round.exchanges[l], pass, transmission.clean)
            .write(slice(round.clean, l));
      }
    }
    round.shared[l] = std::move(result.shared);
  }
  write_products(products);
}

/// What the local workers put on the air together; nothing where the channel lets nothing through.
void Aggregator::transmit(const Round& round, Transmission& transmission, int pass) {
  const bool unheard = std::any_of(transmission.scales.begin(), transmission.scales.end(),
                                   [](const auto& s) { return !s.received; });
  const bool powered = std::any_of(transmission.group_energies.begin(), transmission.group_energies.end(),
                                   [](double energy) { return energy > 0; });
  if (unheard && (!powered || !round.link(transmission.tensor).heard())) return;
  const auto& known = transmission.gathered ? transmission.norms : transmission.local_norms;
  const auto first_worker = transmission.gathered ? 0 : collective_.first_worker();
  std::size_t first = 0;
  for (const auto& block : transmission.message.blocks) {
    const auto count = static_cast<std::size_t>(block.size(1));
    const auto scales = std::span(transmission.scales).subspan(first, count);
    const auto part = known.part(first, count);
    const auto& norms = part.numbers();
    // Of what is sent as it is, the sum is the estimate: it is formed where that belongs.
    const auto& exchange = round.exchanges[transmission.tensor];
    at::Tensor place;
    if (tensors_[transmission.tensor].compressor->traits().exact && exchange.place.defined() &&
        exchange.place.scalar_type() == block.scalar_type())
      place = exchange.place.view({1, -1});
    const auto phases = exchange.key(Purpose::kFading, kFirstPhases + unit_of(pass, transmission.air.size()));
    transmission.air.push_back(superpose_symbols(block, scales, norms, first_worker, mode_, place, phases));
    if (round.diagnosed || parts_.receiver->traits().exact) {
      const auto& numbers =
          transmission.numbers.empty() ? block : transmission.numbers[transmission.exact.size()];
      transmission.exact.push_back(exact_symbols(numbers, scales, norms, first_worker));
    }
    first += count;
  }
}

/// What the server hears of it, with the noise.
void Aggregator::receive(const Round& round, Transmission& transmission, int pass) {
  std::size_t first = 0;
  for (std::size_t b = 0; b < transmission.air.size(); ++b) {
    auto& sum = transmission.air[b].sum;
    const auto count = static_cast<std::size_t>(transmission.message.blocks[b].size(1));
    const auto scales = std::span(transmission.scales).subspan(first, count);
    Reception reception;
    for (const auto& s : scales) reception.noise_std.push_back(s.noise_std);
    receive_symbols(sum, scales, mode_, *noise_,
                    round.exchanges[transmission.tensor].key(Purpose::kNoise, unit_of(pass, b)));
    reception.values = sum;
    if (transmission.prediction != 0) {  // what the workers left out because all know it
      reception.values = sum.add_(transmission.held[b], transmission.prediction);
      if (!transmission.exact.empty())
        transmission.exact[b].add_(transmission.held[b], transmission.prediction);
    }
    if (round.diagnosed)
      transmission.clean.push_back({transmission.exact[b], std::vector<double>(count, 0.0)});
    transmission.noisy.push_back(std::move(reception));
    first += count;
  }
}

/// The receiver's part in the estimate, from the last pass alone: the passes before it bring a space, of
/// which a weight of 0 would leave nothing (spec 1.4). For the same reason what lasts is made of what was
/// heard, before it is scaled: returned where scaling makes a difference to it.
NamedTensors Aggregator::scale_received(Round& round, Transmission& transmission) const {
  const auto l = transmission.tensor;
  const auto traits = parts_.receiver->traits();
  if (traits.weighs) {
    auto norms = transmission.norms;
    if (holds(
            tensors_[l])) {  // of an estimate that is held all is noisy, and the whole message is its signal
      norms = round.raw_norms.part(l, 1);
      const double share = 1 / std::sqrt(static_cast<double>(held_rounds(l)));
      for (std::size_t i = 0; i < norms.workers(); ++i) norms(i, 0) *= share;
    }
    round.weights[l] = parts_.receiver->weight(transmission.noisy, norms.numbers(), round.link(l).active);
  }
  if (!traits.scales) return {};
  NamedTensors shared;
  if (!tensors_[l].shared.empty()) {
    shared = tensors_[l].compressor->decode(round.exchanges[l], last_pass_, transmission.noisy).shared;
    for (auto& heard : transmission.noisy) heard.values = heard.values.clone();
  }
  for (std::size_t b = 0; b < transmission.noisy.size(); ++b) {
    parts_.receiver->scale(transmission.noisy[b], traits.exact ? transmission.exact[b] : at::Tensor());
  }
  return shared;
}

}  // namespace laser
