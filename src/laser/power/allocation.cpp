#include "laser/power/allocation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "laser/core/arguments.hpp"
#include "laser/core/error.hpp"
#include "laser/core/named_choice.hpp"

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

std::vector<double> base_weights(Allocation allocation, std::span<const double> raw,
                                 std::span<const double> sent, std::span<const std::int64_t> symbols) {
  std::vector<double> weights(symbols.size(), 0.0);
  for (std::size_t b = 0; b < symbols.size(); ++b) {
    if (symbols[b] == 0) continue;
    const auto dimension = static_cast<double>(symbols[b]);
    switch (allocation) {
      case Allocation::uniform:
        weights[b] = 1;
        break;
      case Allocation::norm:
      case Allocation::norm2:
        weights[b] = raw[b];
        break;
      case Allocation::comp_norm:
      case Allocation::comp_norm2:
        weights[b] = sent[b];
        break;
      case Allocation::sqrt_dim:
        weights[b] = std::sqrt(dimension);
        break;
      case Allocation::param:
      case Allocation::param2:
        weights[b] = dimension;
        break;
      // Half of the exponent on each side of the product: no overflow for the largest norms.
      case Allocation::norm_dim:
        weights[b] = sent[b];
        break;
    }
  }
  normalise_to_largest(weights);
  return weights;
}

std::vector<double> worker_shares(Allocation allocation, std::span<const double> raw,
                                  std::span<const double> sent, std::span<const std::int64_t> symbols,
                                  std::span<const std::int64_t> held) {
  auto weights = base_weights(allocation, raw, sent, symbols);
  const bool squared = allocation == Allocation::norm2 || allocation == Allocation::comp_norm2 ||
                       allocation == Allocation::param2;
  for (std::size_t b = 0; b < weights.size(); ++b) {
    if (squared) weights[b] *= weights[b];
    if (allocation == Allocation::norm_dim) weights[b] *= std::sqrt(static_cast<double>(symbols[b]));
    if (allocation == Allocation::norm_dim && !held.empty())
      weights[b] *= std::sqrt(static_cast<double>(held[b]));
  }
  double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (total == 0) {
    std::ranges::transform(symbols, weights.begin(),
                           [](std::int64_t count) { return count > 0 ? 1.0 : 0.0; });
    total = std::accumulate(weights.begin(), weights.end(), 0.0);
  }
  if (total > 0) {
    for (double& weight : weights) weight /= total;
  }
  return weights;
}

}  // namespace

const std::vector<PartRow>& allocations() {
  static const std::vector<PartRow> table{
      {"uniform", "the same for every tensor", "spec 3.2"},
      {"norm", "in proportion to the norm of the uncompressed message", "LASER, section 3.2; spec 3.2"},
      {"norm2", "in proportion to the squared norm of the uncompressed message", "spec 3.2"},
      {"comp_norm", "in proportion to the norm of what is sent", "LASER, section 3.2; spec 3.2"},
      {"comp_norm2", "in proportion to the squared norm of what is sent", "spec 3.2"},
      {"sqrt_dim", "in proportion to the square root of the number of symbols", "spec 3.2"},
      {"param", "in proportion to the number of symbols", "spec 3.2"},
      {"param2", "in proportion to the squared number of symbols", "spec 3.2"},
      {"norm_dim",
       "in proportion to sqrt(symbols x rounds that they are held) x norm of what is sent: the least noise "
       "in all",
       "spec 3.2"},
  };
  return table;
}

Allocation parse_allocation(std::string_view name) {
  return parse_choice(kAllocations, "power allocation", name);
}

std::vector<double> block_shares(Allocation allocation, const BlockMeasures& blocks) {
  const auto count = blocks.symbols.size();
  if (count == 0) return {};
  LASER_CHECK(blocks.raw_norms.size() == blocks.sent_norms.size());
  LASER_CHECK(!blocks.sent_norms.empty() && blocks.sent_norms.size() % count == 0);
  for (std::size_t b = 0; b < count; ++b)
    require_at_least("the symbol count of a block", blocks.symbols[b], 0);
  LASER_CHECK(blocks.held.empty() || blocks.held.size() == count);
  check_norms("uncompressed", blocks.raw_norms, count);
  check_norms("sent", blocks.sent_norms, count);

  std::vector<double> shares;
  shares.reserve(blocks.sent_norms.size());
  for (std::size_t start = 0; start < blocks.sent_norms.size(); start += count) {
    const auto row = worker_shares(allocation, blocks.raw_norms.subspan(start, count),
                                   blocks.sent_norms.subspan(start, count), blocks.symbols, blocks.held);
    shares.insert(shares.end(), row.begin(), row.end());
  }
  return shares;
}

std::vector<double> block_energies(Allocation allocation, std::span<const double> budgets,
                                   const BlockMeasures& blocks) {
  require_all_nonnegative("the power budgets", budgets);
  auto energies = block_shares(allocation, blocks);
  const auto count = blocks.symbols.size();
  LASER_CHECK(energies.size() == budgets.size() * count);
  for (std::size_t i = 0; i < energies.size(); ++i) energies[i] *= budgets[i / count];
  return energies;
}

}  // namespace laser
