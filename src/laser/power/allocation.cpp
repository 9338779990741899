#include "laser/power/allocation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "laser/core/arguments.hpp"
#include "laser/core/fail.hpp"

namespace laser {
namespace {

void check_norms(std::string_view name, std::span<const double> norms, std::size_t blocks) {
  for (std::size_t i = 0; i < norms.size(); ++i) {
    if (!std::isfinite(norms[i])) {
      fail(ExitCode::kNonFinite, "the {} norm of worker {} in block {} is {}. HINT: lower the learning rate",
           name, i / blocks, i % blocks, norms[i]);
    }
    if (norms[i] < 0) {
      fail(ExitCode::kConfiguration, "the {} norm of worker {} in block {} is {}: norms are 0 or above", name,
           i / blocks, i % blocks, norms[i]);
    }
  }
}

// Divides by the largest entry, so that squares and sums of norms near 1e30 (or 1e300) stay finite.
void normalise_to_largest(std::vector<double>& weights) {
  const double largest = std::ranges::max(weights);
  if (largest > 0) {
    for (double& weight : weights) weight /= largest;
  }
}

/// The number of a block that weights follow.
using Number = double (*)(const WorkerBlocks& blocks, std::size_t block);
double one(const WorkerBlocks&, std::size_t) { return 1; }
double raw_norm(const WorkerBlocks& blocks, std::size_t b) { return blocks.raw_norms[b]; }
double sent_norm(const WorkerBlocks& blocks, std::size_t b) { return blocks.sent_norms[b]; }
double symbols(const WorkerBlocks& blocks, std::size_t b) { return static_cast<double>(blocks.symbols[b]); }
double root_of_symbols(const WorkerBlocks& blocks, std::size_t b) { return std::sqrt(symbols(blocks, b)); }

/// The weight that follows from that number, of which the largest is 1.
using Weight = double (*)(double number, const WorkerBlocks& blocks, std::size_t block);
double as_it_is(double number, const WorkerBlocks&, std::size_t) { return number; }
double squared(double number, const WorkerBlocks&, std::size_t) { return number * number; }
double times_root_of_symbols_and_rounds(double number, const WorkerBlocks& blocks, std::size_t b) {
  return number * root_of_symbols(blocks, b) * std::sqrt(static_cast<double>(blocks.held[b]));
}

/// A row of spec 3.2.
template <Number number, Weight weight>
class Proportional final : public Allocation {
 public:
  [[nodiscard]] AllocationTraits traits() const override {
    return {.reads_messages = number == raw_norm, .by_shape = number != raw_norm && number != sent_norm};
  }
  [[nodiscard]] std::vector<double> weights(const WorkerBlocks& blocks) const override {
    std::vector<double> result(blocks.symbols.size(), 0.0);
    for (std::size_t b = 0; b < result.size(); ++b)
      if (blocks.symbols[b] != 0) result[b] = number(blocks, b);
    normalise_to_largest(result);
    for (std::size_t b = 0; b < result.size(); ++b) result[b] = weight(result[b], blocks, b);
    return result;
  }
};

template <Number number, Weight weight>
std::unique_ptr<Allocation> make() {
  return std::make_unique<Proportional<number, weight>>();
}

/// The weights of one worker. Throws Error where they are none.
std::vector<double> checked_weights(const Allocation& allocation, const WorkerBlocks& blocks) {
  auto weights = allocation.weights(blocks);
  if (weights.size() != blocks.symbols.size()) {
    fail(ExitCode::kConfiguration,
         "the allocation has {} weights for {} tensors. HINT: one for each, in their order", weights.size(),
         blocks.symbols.size());
  }
  for (std::size_t b = 0; b < weights.size(); ++b) {
    if (blocks.symbols[b] == 0) weights[b] = 0;
    if (!std::isfinite(weights[b])) {
      fail(ExitCode::kNonFinite,
           "the allocation's weight of tensor {} is {}. HINT: a finite number, at least 0", b, weights[b]);
    }
    if (weights[b] < 0) {
      fail(ExitCode::kConfiguration,
           "the allocation's weight of tensor {} is {}. HINT: at least 0; a tensor with 0 gets nothing", b,
           weights[b]);
    }
  }
  return weights;
}

std::vector<double> worker_shares(const Allocation& allocation, const WorkerBlocks& blocks) {
  auto weights = checked_weights(allocation, blocks);
  double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (!std::isfinite(total)) {
    normalise_to_largest(weights);
    total = std::accumulate(weights.begin(), weights.end(), 0.0);
  }
  if (total == 0) {
    std::ranges::transform(blocks.symbols, weights.begin(),
                           [](std::int64_t count) { return count > 0 ? 1.0 : 0.0; });
    total = std::accumulate(weights.begin(), weights.end(), 0.0);
  }
  if (total > 0) {
    for (double& weight : weights) weight /= total;
  }
  return weights;
}

}  // namespace

const std::vector<AllocationEntry>& allocations() {
  static const std::vector<AllocationEntry> table{
      {{"uniform", "the same for every tensor", "spec 3.2"}, make<one, as_it_is>},
      {{"norm", "in proportion to the norm of the uncompressed message", "LASER, section 3.2; spec 3.2"},
       make<raw_norm, as_it_is>},
      {{"norm2", "in proportion to the squared norm of the uncompressed message", "spec 3.2"},
       make<raw_norm, squared>},
      {{"comp_norm", "in proportion to the norm of what is sent", "LASER, section 3.2; spec 3.2"},
       make<sent_norm, as_it_is>},
      {{"comp_norm2", "in proportion to the squared norm of what is sent", "spec 3.2"},
       make<sent_norm, squared>},
      {{"sqrt_dim", "in proportion to the square root of the number of symbols", "spec 3.2"},
       make<root_of_symbols, as_it_is>},
      {{"param", "in proportion to the number of symbols", "spec 3.2"}, make<symbols, as_it_is>},
      {{"param2", "in proportion to the squared number of symbols", "spec 3.2"}, make<symbols, squared>},
      {{"norm_dim",
        "in proportion to sqrt(symbols x rounds that they are held) x norm of what is sent: the least noise "
        "in all",
        "spec 3.2"},
       make<sent_norm, times_root_of_symbols_and_rounds>},
  };
  return table;
}

std::unique_ptr<Allocation> make_allocation(const std::string& name) {
  return find_row(allocations(), "allocation", name).make();
}

std::vector<double> block_shares(const Allocation& allocation, const BlockMeasures& blocks) {
  const auto count = blocks.symbols.size();
  if (count == 0) return {};
  if (blocks.raw_norms.size() != blocks.sent_norms.size() || blocks.sent_norms.empty() ||
      blocks.sent_norms.size() % count != 0 || (!blocks.held.empty() && blocks.held.size() != count)) {
    fail(ExitCode::kConfiguration,
         "an allocation got {} norms of messages, {} of what is sent and {} rounds held for {} blocks. HINT: "
         "norms [k, B], symbols and rounds [B]",
         blocks.raw_norms.size(), blocks.sent_norms.size(), blocks.held.size(), count);
  }
  for (std::size_t b = 0; b < count; ++b)
    require_at_least("the symbol count of a block", blocks.symbols[b], 0);
  check_norms("uncompressed", blocks.raw_norms, count);
  check_norms("sent", blocks.sent_norms, count);

  const std::vector<std::int64_t> a_round(blocks.held.empty() ? count : 0, 1);
  const auto held = blocks.held.empty() ? std::span(a_round) : blocks.held;
  std::vector<double> shares;
  shares.reserve(blocks.sent_norms.size());
  for (std::size_t start = 0; start < blocks.sent_norms.size(); start += count) {
    const auto row =
        worker_shares(allocation, {blocks.raw_norms.subspan(start, count),
                                   blocks.sent_norms.subspan(start, count), blocks.symbols, held});
    shares.insert(shares.end(), row.begin(), row.end());
  }
  return shares;
}

std::vector<double> block_energies(const Allocation& allocation, std::span<const double> budgets,
                                   const BlockMeasures& blocks) {
  require_all_nonnegative("the power budgets", budgets);
  auto energies = block_shares(allocation, blocks);
  const auto count = blocks.symbols.size();
  if (energies.size() != budgets.size() * count) {
    fail(ExitCode::kConfiguration, "an allocation got {} budgets for {} workers. HINT: one a worker",
         budgets.size(), count == 0 ? 0 : energies.size() / count);
  }
  for (std::size_t i = 0; i < energies.size(); ++i) energies[i] *= budgets[i / count];
  return energies;
}

}  // namespace laser
