// What every group of symbols may cost, and the scales that follow from it (spec 1.2, 3.2).
#include <algorithm>
#include <cmath>
#include <limits>

#include "laser/aggregate/round.hpp"
#include "laser/aggregate/split.hpp"
#include "laser/core/error.hpp"

namespace laser {

void Aggregator::allocate(Round& round, std::vector<Sending>& sendings, double budget) {
  const auto workers = static_cast<std::size_t>(collective_.workers()), blocks = sendings.size();
  if (!channel_->noisy()) {
    for (auto& sending : sendings)
      sending.group_energies.assign(static_cast<std::size_t>(sending.groups), 0.0);
    return superpose(round, sendings);
  }
  std::vector<double> raw(workers * blocks), contents;  // [k, blocks]
  std::vector<std::int64_t> symbols(blocks, 0);
  for (std::size_t b = 0; b < blocks; ++b) {
    const auto& sending = sendings[b];
    symbols[b] = sending.symbols;
    for (std::size_t i = 0; i < workers; ++i) {
      raw[i * blocks + b] = round.raw_norms[i * tensors_.size() + sending.tensor];
    }
  }
  const auto locals = blocks == 0 ? 0 : static_cast<std::size_t>(sendings[0].message.blocks[0].size(0));
  for (std::size_t i = 0; i < locals; ++i) {
    for (const auto& sending : sendings) {
      const auto& content = sending.message.content_norm;
      contents.push_back(content.empty() ? norm_of_groups(sending.local_norms, i, sending.groups)
                                         : content[i]);
    }
  }
  const auto sent = collective_.gather_rows(std::move(contents), static_cast<std::int64_t>(blocks));
  const std::vector<double> budgets(workers, budget);
  const auto energies = block_energies(allocation_, budgets, {raw, sent, symbols});
  for (std::size_t b = 0; b < blocks; ++b) {
    auto& sending = sendings[b];
    std::vector<double> own(workers);  // [k] what each worker would give the tensor
    for (std::size_t i = 0; i < workers; ++i) own[i] = energies[i * blocks + b];
    const auto& layer = layout_.layers[sending.tensor];
    sending.group_energies = split_over_groups(sending.message.split, layer, own, sending.norms);
  }
  superpose(round, sendings);
  if (!fill_budget_) return;
  const double factor = unused_factor(round, sendings, budget);
  for (auto& sending : sendings) {
    for (double& energy : sending.group_energies) energy *= factor;
  }
  superpose(round, sendings);
}

/// The scales of all groups, from the energies that they may cost. Every process comes to the same.
void Aggregator::superpose(const Round& round, std::vector<Sending>& sendings) const {
  const auto workers = static_cast<std::size_t>(collective_.workers());
  const double most = type_ == at::kDouble ? std::numeric_limits<double>::max()
                                           : static_cast<double>(std::numeric_limits<float>::max());
  std::vector<double> norms(workers), energies(workers);
  for (auto& sending : sendings) {
    sending.scales.clear();
    for (std::size_t g = 0; g < sending.group_energies.size(); ++g) {
      for (std::size_t i = 0; i < workers; ++i) {
        norms[i] = sending.norm(i, g);
        energies[i] = power_shares_[i] * sending.group_energies[g];
      }
      sending.scales.push_back(scales_of(round, sending.tensor, norms, energies));
      const double noise = sending.scales.back().noise_std;
      if (!(noise < most / 8)) {  // 32 random bits give no normal beyond 7
        fail(ExitCode::kNonFinite,
             "the noise of tensor '{}' has the standard deviation {:.3g} in round {}: its numbers cannot be "
             "written. HINT: raise power",
             layout_.layers[sending.tensor].name, noise, round.index);
      }
    }
  }
}

/// The scales of one group. Nobody knows beforehand whose message will be lost: all choose their amplitudes
/// together, and a lost message meets the gain 0. The server scales by those that it heard.
Superposition Aggregator::scales_of(const Round& round, std::size_t tensor, std::span<const double> norms,
                                    std::span<const double> energies) const {
  const auto& link = round.link(tensor);
  auto heard = channel_->superpose(link, norms, energies);
  if (round.sent.empty()) return heard;
  const auto sent = channel_->superpose(round.sending(tensor), norms, energies);
  double larger = 1;  // by what those that are heard would have been louder among themselves
  for (std::size_t i = 0; i < norms.size(); ++i) {
    if (sent.amplitude[i] > 0 && heard.amplitude[i] > 0) larger = heard.amplitude[i] / sent.amplitude[i];
    if (link.active[i] == 0) heard.gain[i] = 0;
  }
  heard.amplitude = sent.amplitude;
  heard.receive_scale *= larger;
  heard.noise_std *= larger;
  return heard;
}

/// The energy of messages of which none arrives: all are lost.
void Aggregator::count_unheard(Round& round, const Sending& sending) const {
  const auto first = static_cast<std::size_t>(collective_.first_worker());
  for (std::size_t g = 0; g < sending.scales.size(); ++g) {
    for (std::size_t i = 0; i < round.report.energy.size(); ++i) {
      const double norm = sending.scales[g].amplitude[first + i] * sending.norm(first + i, g);
      round.report.energy[i] += norm * norm;
    }
  }
}

/// By how much all energies of a pass can grow before the first worker, or all together where they share one
/// budget, spend what they may (spec 3.2, S2). 1 where nobody sends anything.
double Aggregator::unused_factor(const Round& round, const std::vector<Sending>& sendings,
                                 double budget) const {
  std::vector<double> spent(power_shares_.size(), 0.0);
  for (const auto& sending : sendings) {
    for (std::size_t g = 0; g < sending.scales.size(); ++g) {
      for (std::size_t i = 0; i < spent.size(); ++i) {
        const double norm = sending.scales[g].amplitude[i] * sending.norm(i, g);
        spent[i] += norm * norm;
      }
    }
  }
  double factor = std::numeric_limits<double>::infinity(), total = 0, together = 0;
  for (std::size_t i = 0; i < spent.size(); ++i) {
    if (spent[i] > 0) factor = std::min(factor, budget * power_shares_[i] / spent[i]);
    total += spent[i];
    if (round.sending(0).active[i] != 0) together += budget * power_shares_[i];
  }
  if (channel_->shares_power()) factor = together / total;
  return std::isfinite(factor) && factor > 0 ? factor : 1.0;
}

}  // namespace laser
