// The way over the air: symbols are transmitted, added up and received with noise (spec 1.1 to 1.3).
#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "laser/aggregate/round.hpp"
#include "laser/compress/fused_pass.hpp"

namespace laser {
namespace {

/// The first stream of phases of numbers that travel as energies, beyond all streams of gains.
constexpr std::uint32_t kFirstPhases = 1U << 22;

}  // namespace

/// What the workers transmit, added up by the air, with the noise: what the server hears of every tensor.
void Aggregator::Impl::cross_channel(Round& round, std::vector<Transmission>& transmissions, int pass) {
  gather_symbols(transmissions);
  for_each_transmission(transmissions,
                        [&](Transmission& transmission) { transmit(round, transmission, pass); });
  add_up(round, transmissions);
  for_each_transmission(transmissions, [&](Transmission& transmission) {
    if (round.silent[transmission.tensor] == 0) receive(round, transmission, pass);
  });
}

/// The sums of all processes, and what every worker spent.
void Aggregator::Impl::add_up(Round& round, std::vector<Transmission>& transmissions) {
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
}

/// What the local workers put on the air together; nothing where the channel lets nothing through.
void Aggregator::Impl::transmit(const Round& round, Transmission& transmission, int pass) {
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
    if (tensors_[transmission.tensor].compressor->traits().exact && exchange.out.defined() &&
        exchange.out.scalar_type() == block.scalar_type())
      place = exchange.out.view({1, -1});
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
void Aggregator::Impl::receive(const Round& round, Transmission& transmission, int pass) {
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

}  // namespace laser
