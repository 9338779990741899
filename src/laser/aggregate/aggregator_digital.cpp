// Over a digital link: how many bits a worker has for a tensor, what is made of symbols that are numbers, and
// where the energy goes (spec 1.5).
//
// Symbols and energy are divided over tensors and passes alike, so that the signal-to-noise ratio and with it
// the bits a symbol are the same everywhere. A tensor for which some worker that sends has not a bit to spare
// is not sent: like a block without energy (spec 1.2), its memory keeps the whole message.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "laser/aggregate/round.hpp"
#include "laser/channel/quantise.hpp"
#include "laser/core/fail.hpp"

namespace laser {

/// Symbols of the air for a tensor in a pass; those that are not compressed are sent whole in the last one.
double Aggregator::Impl::air_symbols_of(std::size_t tensor, int pass) const {
  const double whole = air_symbols(layout_.layers[tensor], air_rank_);
  if (!is_compressed(tensors_[tensor])) return is_last(pass) ? whole : 0;
  return whole * parts_.compressor->pass_shares()[static_cast<std::size_t>(pass)];
}

/// [k] bits of every worker for the tensor, less those of one scale.
std::vector<double> Aggregator::Impl::bits_of(const Round& round, std::size_t tensor, int pass) const {
  const double symbols = air_symbols_of(tensor, pass), energy = round.budget * symbols / air_symbols_;
  std::vector<double> energies;
  for (const double share : power_shares_) energies.push_back(share * energy);
  auto bits = parts_.channel->bits(round.transmitting(tensor), symbols, energies);
  const bool fit = std::ranges::none_of(bits, [](double one) { return std::isnan(one); });
  if (!fit || bits.size() != energies.size()) {
    fail(ExitCode::kConfiguration,
         "the channel's bits() are not a number or not one a worker. HINT: {} numbers, 0 or above",
         energies.size());
  }
  for (double& one : bits) one = std::max(0.0, one - scale_bits_);
  return bits;
}

/// [K] Likewise, of the local workers.
std::vector<double> Aggregator::Impl::local_bits(const Round& round, std::size_t tensor, int pass) const {
  const auto bits = bits_of(round, tensor, pass);
  const auto first = bits.begin() + collective_.first_worker();
  return {first, first + collective_.local_workers()};
}

/// Quantises a message to its bits; a message of few values is left alone.
void Aggregator::Impl::quantise_message(const Round& round, Transmission& transmission, int pass) const {
  auto& message = transmission.message;
  const auto& exchange = round.exchanges[transmission.tensor];
  const auto more_scales = scale_bits_ * static_cast<double>(transmission.groups - 1);
  const auto share_of = [&](const at::Tensor& block, double bits) {
    const auto symbols = static_cast<double>(block.size(1) * block.size(2));
    return std::max(0.0, bits - more_scales) * symbols / static_cast<double>(transmission.symbols);
  };
  if (message.bits.empty()) {
    const auto all = bits_of(round, transmission.tensor, pass);
    const auto& active = round.transmitting(transmission.tensor).active;
    message.bits.assign(exchange.bits.size(), 0.0);
    if (round.diagnosed || parts_.receiver->traits().exact) transmission.numbers = message.blocks;
    for (std::size_t b = 0; b < message.blocks.size(); ++b) {
      auto& block = message.blocks[b];
      if (block.size(1) > kQuantisedGroups) {
        fail(
            ExitCode::kConfiguration,
            "the compressor's message for tensor '{}' has a block of {} groups, and a digital link quantises "
            "at most {}. HINT: fewer and longer groups, or bits of its own",
            layout_.layers[transmission.tensor].name, block.size(1), kQuantisedGroups);
      }
      for (std::size_t i = 0; i < all.size(); ++i) {
        const auto groups = static_cast<double>(block.size(1));
        const auto rate = quantiser_rate(block.size(2), share_of(block, all[i]) / groups);
        transmission.afforded = transmission.afforded && (active[i] == 0 || rate.numbers > 0);
      }
      std::vector<double> bits;
      for (const double one : exchange.bits) bits.push_back(share_of(block, one));
      auto result = quantise(block, bits, exchange.key(Purpose::kQuantising), unit_of(pass, b),
                             collective_.first_worker());
      block = std::move(result.symbols);
      for (std::size_t i = 0; i < bits.size(); ++i) message.bits[i] += result.bits[i];
    }
  }
  bool fits = message.bits.size() == exchange.bits.size();
  for (std::size_t i = 0; fits && i < message.bits.size(); ++i)
    fits = message.bits[i] <= exchange.bits[i] * (1 + 1e-12);
  if (!fits) {
    fail(ExitCode::kConfiguration,
         "the compressor's message for tensor '{}' takes more bits than the link has. HINT: at most "
         "exchange.bits, one number a worker",
         layout_.layers[transmission.tensor].name);
  }
}

/// Gives each group the energy for which its bits were computed.
void Aggregator::Impl::share_energy(const Round& round, std::vector<Transmission>& transmissions,
                                    int pass) const {
  for (auto& transmission : transmissions) {
    const double energy = round.budget * air_symbols_of(transmission.tensor, pass) / air_symbols_;
    transmission.group_energies.clear();
    for (const auto& block : transmission.message.blocks) {
      const double share = static_cast<double>(block.size(2)) / static_cast<double>(transmission.symbols);
      transmission.group_energies.insert(transmission.group_energies.end(),
                                         static_cast<std::size_t>(block.size(1)),
                                         transmission.afforded ? energy * share : 0.0);
    }
  }
}

}  // namespace laser
