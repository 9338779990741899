// What every group of symbols may cost, and the scales that follow from it (spec 1.2, 3.2).
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "laser/aggregate/expected_norms.hpp"
#include "laser/aggregate/round.hpp"
#include "laser/aggregate/split.hpp"
#include "laser/core/fail.hpp"

namespace laser {

/// The norms of the local workers' groups.
void Aggregator::Impl::measure(Transmission& transmission) const {
  const auto& blocks = transmission.message.blocks;
  if (!transmission.message.norms.empty() && !parts_.channel->traits().as_energies) {
    if (transmission.groups != 1 || std::ssize(transmission.message.norms) != blocks[0].size(0)) {
      fail(
          ExitCode::kConfiguration,
          "the compressor's message for tensor '{}' has {} norms and {} groups. HINT: norms go with a single "
          "group, one a worker",
          layout_.layers[transmission.tensor].name, transmission.message.norms.size(), transmission.groups);
    }
    transmission.local_norms = {transmission.message.norms, 1};
    return;
  }
  transmission.local_norms = {static_cast<std::size_t>(blocks[0].size(0)),
                              static_cast<std::size_t>(transmission.groups)};
  std::size_t first = 0;
  for (const auto& block : blocks) {
    const auto groups = static_cast<std::size_t>(block.size(1));
    transmission.local_norms.put(first, {group_norms(block, *parts_.channel), groups});
    first += groups;
  }
}

/// Scales every group of a worker's symbols to the mean norm of those who send, so that the loudest no longer
/// sets the scale of all. Workers count by direction then, not by length.
void Aggregator::Impl::equalise(const Round& round, Transmission& transmission) const {
  const auto& active = round.transmitting(transmission.tensor).active;
  const auto first_worker = static_cast<std::size_t>(collective_.first_worker());
  std::size_t group = 0;
  for (auto& block : transmission.message.blocks) {
    auto factors = at::ones({block.size(0), block.size(1), 1}, at::kDouble);
    for (std::int64_t c = 0; c < block.size(1); ++c, ++group) {
      double sum = 0, count = 0;
      for (std::size_t i = 0; i < active.size(); ++i) {
        if (active[i] == 0 || transmission.norms(i, group) == 0) continue;
        sum += transmission.norms(i, group);
        count += 1;
      }
      for (std::size_t i = 0; i < active.size() && count > 0; ++i) {
        auto& norm = transmission.norms(i, group);
        if (active[i] == 0 || norm == 0) continue;
        if (i >= first_worker && i - first_worker < transmission.local_norms.workers()) {
          factors[static_cast<std::int64_t>(i - first_worker)][c] = sum / count / norm;
          transmission.local_norms(i - first_worker, group) = sum / count;
        }
        norm = sum / count;
      }
    }
    block = block * factors.to(block.scalar_type());
  }
  transmission.message.content_norm.clear();
}

/// The norms that are expected of a tensor's groups of symbols, with which scales know nothing of this round,
/// and what will be expected after it (spec 1.2).
void Aggregator::Impl::expect(Round& round, Transmission& transmission, int pass) const {
  const auto l = transmission.tensor;
  const auto& squares = tensors_[l].squares[static_cast<std::size_t>(pass)];
  transmission.expected = expected_norms(squares, transmission.norms);
  round.squares[l].resize(tensors_[l].squares.size());
  round.squares[l][static_cast<std::size_t>(pass)] =
      mean_squares(squares, transmission.norms, round.transmitting(l).active);
}

/// Brings together the norms of all transmissions' groups in one call.
void Aggregator::Impl::gather_norms(std::vector<Transmission>& transmissions, const Round& round) {
  std::size_t columns = 0;
  for (const auto& transmission : transmissions) columns += transmission.local_norms.columns();
  if (columns == 0) return;
  WorkerTable local(transmissions[0].local_norms.workers(), columns);
  std::size_t at = 0;
  for (const auto& transmission : transmissions) {
    local.put(at, transmission.local_norms);
    at += transmission.local_norms.columns();
  }
  const auto all = gather(local);
  at = 0;
  for (auto& transmission : transmissions) {
    transmission.norms = all.part(at, transmission.local_norms.columns());
    at += transmission.norms.columns();
    check_finite(transmission.norms, transmission.tensor, round.index, lasting_ ? "message" : "gradient");
  }
}

/// What the budget is shared by, [k, blocks]: norms of the messages, and of what is sent of them; where norms
/// are expected, those of what is sent for both.
std::pair<WorkerTable, WorkerTable> Aggregator::Impl::norms_of_tensors(
    const Round& round, const std::vector<Transmission>& transmissions) const {
  const auto workers = static_cast<std::size_t>(collective_.workers()), blocks = transmissions.size();
  WorkerTable raw(workers, blocks);
  if (expected_norms_) {
    for (std::size_t b = 0; b < blocks; ++b) {
      for (std::size_t i = 0; i < workers; ++i) raw(i, b) = norm_of(transmissions[b].expected.row(i));
    }
    return {raw, raw};
  }
  const auto locals = blocks == 0 ? 0 : static_cast<std::size_t>(transmissions[0].message.blocks[0].size(0));
  WorkerTable contents(locals, blocks);
  const bool roots = parts_.channel->traits().as_energies;  // norms are those of the roots of what is sent
  for (std::size_t b = 0; b < blocks; ++b) {
    raw.put(b, round.raw_norms.part(transmissions[b].tensor, 1));
    const auto& content = transmissions[b].message.content_norm;
    for (std::size_t i = 0; i < locals; ++i)
      contents(i, b) = content.empty() ? norm_of(transmissions[b].local_norms.row(i))
                       : roots         ? std::sqrt(content[i])
                                       : content[i];
  }
  return {raw, gather(contents)};
}

void Aggregator::Impl::allocate(Round& round, std::vector<Transmission>& transmissions, double budget,
                                int pass) {
  const auto workers = static_cast<std::size_t>(collective_.workers()), blocks = transmissions.size();
  if (!parts_.channel->traits().noisy) {
    for (auto& transmission : transmissions)
      transmission.group_energies.assign(transmission.norms.columns(), 0.0);
    return superpose(round, transmissions);
  }
  if (parts_.channel->traits().digital) {
    share_energy(round, transmissions, pass);
    return superpose(round, transmissions);
  }
  std::vector<std::int64_t> symbols(blocks, 0), held(blocks, 1);
  for (std::size_t b = 0; b < blocks; ++b) {
    symbols[b] = transmissions[b].symbols;
    held[b] = held_rounds(transmissions[b].tensor);
  }
  const auto [raw, sent] = norms_of_tensors(round, transmissions);
  const std::vector<double> budgets(workers, budget);
  const WorkerTable energies(
      block_energies(*parts_.allocation, budgets, {raw.numbers(), sent.numbers(), symbols, held}), blocks);
  for (std::size_t b = 0; b < blocks; ++b) {
    auto& transmission = transmissions[b];
    const auto& layer = layout_.layers[transmission.tensor];
    const auto own = energies.column(b);  // [k] what each worker would give the tensor
    transmission.group_energies =
        split_over_groups(transmission.message.split, layer, own, transmission.scaling());
  }
  superpose(round, transmissions);
  if (!fill_budget_) return;
  const double factor = unused_factor(round, transmissions, budget);
  for (auto& transmission : transmissions) {
    for (double& energy : transmission.group_energies) energy *= factor;
  }
  superpose(round, transmissions);
}

/// The scales of all groups, from the energies that they may cost. Every process comes to the same.
void Aggregator::Impl::superpose(const Round& round, std::vector<Transmission>& transmissions) const {
  const auto workers = static_cast<std::size_t>(collective_.workers());
  const double most = type_ == at::kDouble ? std::numeric_limits<double>::max()
                                           : static_cast<double>(std::numeric_limits<float>::max());
  std::vector<double> energies(workers);
  for (auto& transmission : transmissions) {
    transmission.scales.clear();
    for (std::size_t g = 0; g < transmission.group_energies.size(); ++g) {
      const auto norms = transmission.scaling().column(g);
      for (std::size_t i = 0; i < workers; ++i)
        energies[i] = power_shares_[i] * transmission.group_energies[g];
      transmission.scales.push_back(scales_of(round, transmission.tensor, norms, energies));
      const double noise = transmission.scales.back().noise_std;
      if (!(noise < most / 8)) {  // 32 random bits give no normal beyond 7
        fail(ExitCode::kNonFinite,
             "the noise of tensor '{}' has the standard deviation {:.3g} in round {}: its numbers cannot be "
             "written. HINT: raise power",
             layout_.layers[transmission.tensor].name, noise, round.index);
      }
    }
  }
}

/// The scales of one group. Nobody knows beforehand whose message will be lost: all choose their amplitudes
/// together, and a lost message meets the gain 0. The server scales by those that it heard.
Superposition Aggregator::Impl::scales_of(const Round& round, std::size_t tensor,
                                          std::span<const double> norms,
                                          std::span<const double> energies) const {
  const auto& link = round.link(tensor);
  auto heard = parts_.channel->superpose(link, norms, energies);
  if (round.sent.empty()) return heard;
  const auto sent = parts_.channel->superpose(round.transmitting(tensor), norms, energies);
  double larger = 1;  // by what those that are heard would have been louder among themselves
  for (std::size_t i = 0; i < norms.size(); ++i) {
    if (sent.amplitude[i] > 0 && heard.amplitude[i] > 0) larger = heard.amplitude[i] / sent.amplitude[i];
    if (link.active[i] == 0) heard.gain[i] = 0;
  }
  heard.amplitude = sent.amplitude;
  heard.spent = sent.spent;
  if (heard.as_energies) larger *= larger;
  heard.receive_scale *= larger;
  heard.noise_std *= larger;
  return heard;
}

/// The energy of messages of which none arrives: all are lost.
void Aggregator::Impl::count_unheard(Round& round, const Transmission& transmission) const {
  const auto first = static_cast<std::size_t>(collective_.first_worker());
  for (std::size_t g = 0; g < transmission.scales.size(); ++g) {
    for (std::size_t i = 0; i < round.report.energy.size(); ++i) {
      round.report.energy[i] += transmission.scales[g].energy(first + i, transmission.norms(first + i, g));
    }
  }
}

/// By how much all energies of a pass can grow before the first worker, or all together where they share one
/// budget, spend what they may (spec 3.2). 1 where nobody sends anything.
double Aggregator::Impl::unused_factor(const Round& round, const std::vector<Transmission>& transmissions,
                                       double budget) const {
  std::vector<double> spent(power_shares_.size(), 0.0);
  for (const auto& transmission : transmissions) {
    for (std::size_t g = 0; g < transmission.scales.size(); ++g) {
      for (std::size_t i = 0; i < spent.size(); ++i) {
        spent[i] += transmission.scales[g].energy(i, transmission.norms(i, g));
      }
    }
  }
  double factor = std::numeric_limits<double>::infinity(), total = 0;
  for (std::size_t i = 0; i < spent.size(); ++i) {
    if (spent[i] > 0) factor = std::min(factor, budget * power_shares_[i] / spent[i]);
    total += spent[i];
  }
  if (parts_.channel->traits().shares_power) {
    double together = 0;
    for (std::size_t i = 0; i < spent.size(); ++i) {
      const bool sends = std::any_of(transmissions.begin(), transmissions.end(), [&](const Transmission& t) {
        return round.transmitting(t.tensor).active[i] != 0;
      });
      if (sends) together += budget * power_shares_[i];
    }
    factor = together / total;
  }
  return std::isfinite(factor) && factor > 0 ? factor : 1.0;
}

}  // namespace laser
