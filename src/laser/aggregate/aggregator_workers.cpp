// Who takes part in a round and with what, what each worker keeps of it, and what it spent.
#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "laser/aggregate/message_filter.hpp"
#include "laser/aggregate/presence.hpp"
#include "laser/aggregate/round.hpp"
#include "laser/core/fail.hpp"

namespace laser {
namespace {

/// Throws Error (configuration) where a channel's draw does not say of every worker what it has to.
const Link& checked_draw(const Link& link, std::size_t workers) {
  const auto expect = [&](std::size_t count, const char* what, bool may_be_empty) {
    if (count == workers || (may_be_empty && count == 0)) return;
    fail(ExitCode::kConfiguration, "the channel's draw has {} numbers in '{}'. HINT: {}, one a worker{}",
         count, what, workers, may_be_empty ? ", or none" : "");
  };
  expect(link.gain.size(), "gain", false);
  expect(link.active.size(), "active", false);
  expect(link.met.size(), "met", true);
  expect(link.phase.size(), "phase", true);
  expect(link.delay.size(), "delay", true);
  bool finite = std::isfinite(link.air_noise) && link.air_noise >= 0;
  for (const auto* numbers : {&link.gain, &link.met, &link.phase, &link.delay})
    finite = finite && std::ranges::all_of(*numbers, [](double number) { return std::isfinite(number); });
  if (!finite) {
    fail(
        ExitCode::kConfiguration,
        "the channel's draw has a number that is not finite, or noise below 0. HINT: active = 0 for a worker "
        "that is not heard");
  }
  return link;
}

/// Throws Error (configuration) where a part has left something else in a memory's place than its numbers.
void check_memory(const at::Tensor& memory, const Factors& pending, at::IntArrayRef sizes,
                  at::ScalarType type, const std::string& name) {
  if (!memory.defined() || memory.sizes() != sizes || memory.scalar_type() != type ||
      !memory.is_contiguous()) {
    fail(ExitCode::kConfiguration,
         "the feedback left {} in the place of the memory of tensor '{}'. HINT: it changes the numbers [{}] "
         "in place",
         memory.defined()
             ? fmt::format("[{}] of {}", fmt::join(memory.sizes(), ", "), at::toString(memory.scalar_type()))
             : "nothing",
         name, fmt::join(sizes, ", "));
  }
  if (!pending.defined()) return;
  const auto fits = [&](const at::Tensor& factor, std::int64_t length) {
    return (factor.dim() == 2 || (factor.dim() == 3 && factor.size(0) == sizes[0])) &&
           factor.size(-2) == pending.left.size(-2) && factor.size(-1) == length;
  };
  if (pending.left.dim() >= 2 && fits(pending.left, sizes[1]) && fits(pending.right, sizes[2])) return;
  fail(ExitCode::kConfiguration,
       "the compressor's own factors of tensor '{}' are [{}] and [{}]. HINT: [r, {}] and [r, {}], or one a "
       "worker",
       name, fmt::join(pending.left.sizes(), ", "), fmt::join(pending.right.sizes(), ", "), sizes[1],
       sizes[2]);
}

}  // namespace

std::vector<char> Aggregator::Impl::awake(std::int64_t round) const {
  return awake_workers(awake_key(seed_, round), collective_.workers(), participation_);
}

/// Draws who takes part and over which links.
void Aggregator::Impl::draw_links(Round& round) const {
  const auto index = static_cast<std::uint32_t>(round.index);
  const auto draws = draws_per_tensor_ ? tensors_.size() : 1;
  round.awake = awake(round.index);
  const auto present = without_losses(loss_key(seed_, round.index), round.awake, loss_rate_);
  for (std::size_t l = 0; l < draws; ++l) {
    const StreamKey key{seed_, Purpose::kFading, index, static_cast<std::uint32_t>(l), 0};
    round.links.push_back(checked_draw(parts_.channel->draw(key, present), present.size()));
    if (present != round.awake)
      round.sent.push_back(checked_draw(parts_.channel->draw(key, round.awake), present.size()));
  }
  round.report.nobody_heard =
      std::none_of(round.links.begin(), round.links.end(), [](const Link& link) { return link.heard(); });
}

/// Leaves in a tensor's memory what the feedback keeps.
void Aggregator::Impl::update_memory(Round& round, std::size_t l) {
  auto& tensor = tensors_[l];
  const auto first = round.link(l).active.begin() + collective_.first_worker();
  const auto sizes = tensor.memory.sizes().vec();
  MemoryUpdate update(*tensor.compressor, round.exchanges[l], tensor.memory, tensor.pending,
                      round.estimate[l], round.weights[l],
                      std::vector<char>(first, first + tensor.memory.size(0)));
  parts_.feedback->update(update);
  check_memory(tensor.memory, tensor.pending, sizes, memory_type_, layout_.layers[l].name);
}

void Aggregator::Impl::count_energy(Round& round, double budget) {
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
void Aggregator::Impl::gather_symbols(std::vector<Transmission>& transmissions) {
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
