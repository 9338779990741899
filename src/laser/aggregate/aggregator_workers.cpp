// Who takes part in a round and with what, what each worker keeps of it, and what it spent.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "laser/aggregate/message_filter.hpp"
#include "laser/aggregate/presence.hpp"
#include "laser/aggregate/round.hpp"

namespace laser {

std::vector<char> Aggregator::awake(std::int64_t round) const {
  return awake_workers(awake_key(seed_, round), collective_.workers(), participation_);
}

/// Draws who takes part and over which links.
void Aggregator::draw_links(Round& round) const {
  const auto index = static_cast<std::uint32_t>(round.index);
  const auto draws = draws_per_tensor_ ? tensors_.size() : 1;
  round.awake = awake(round.index);
  const auto present = without_losses(loss_key(seed_, round.index), round.awake, loss_rate_);
  for (std::size_t l = 0; l < draws; ++l) {
    const StreamKey key{seed_, Purpose::kFading, index, static_cast<std::uint32_t>(l), 0};
    round.links.push_back(parts_.channel->draw(key, present));
    if (present != round.awake) round.sent.push_back(parts_.channel->draw(key, round.awake));
  }
  round.report.nobody_heard =
      std::none_of(round.links.begin(), round.links.end(), [](const Link& link) { return link.heard(); });
}

/// Leaves in a tensor's memory what the feedback keeps.
void Aggregator::update_memory(Round& round, std::size_t l) {
  auto& tensor = tensors_[l];
  const auto first = round.link(l).active.begin() + collective_.first_worker();
  MemoryUpdate update(*tensor.compressor, round.exchanges[l], tensor.memory, tensor.pending,
                      round.estimate[l], round.weights[l],
                      std::vector<char>(first, first + tensor.memory.size(0)));
  parts_.feedback->update(update);
}

void Aggregator::count_energy(Round& round, double budget) {
  auto& report = round.report;
  report.energy = collective_.gather_rows(std::move(report.energy), 1);
  if (!std::isfinite(budget) || budget <= 0) return;
  double total = 0;
  for (std::size_t i = 0; i < report.energy.size(); ++i) {
    total += report.energy[i];
    report.budget_use = std::max(report.budget_use, report.energy[i] / (budget * power_shares_[i]));
  }
  if (parts_.channel->traits().shares_power)
    report.budget_use = total / (budget * static_cast<double>(report.energy.size()));
}

/// With exchange=exact every process gets the symbols of all workers and adds them up as one process does, to
/// the last bit, for k times the traffic. Otherwise symbols stay where they are, and the processes' sums are
/// added in rank order.
void Aggregator::gather_symbols(std::vector<Transmission>& transmissions) {
  if (!exact_exchange_ || collective_.local_workers() == collective_.workers()) return;
  std::vector<at::Tensor> gathered;  // in a fixed order in every process
  for (auto& transmission : transmissions) {
    transmission.gathered = true;
    for (auto* blocks : {&transmission.message.blocks, &transmission.numbers}) {
      for (auto& block : *blocks) {
        // The others' rows are zero here, and adding zeros is exact.
        const at::Tensor all =
            at::zeros({collective_.workers(), block.size(1), block.size(2)}, block.options());
        local_rows(collective_, all).copy_(block);
        block = all;
        gathered.push_back(all);
      }
    }
  }
  collective_.sum(gathered);
}

}  // namespace laser
