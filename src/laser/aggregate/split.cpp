#include "laser/aggregate/split.hpp"

#include <cmath>

#include "laser/power/factor_split.hpp"

namespace laser {
namespace {

/// [2 r] energies of one worker: alpha_1 .. alpha_r for the columns of P, beta_1 .. beta_r for those of Q.
std::vector<double> split_factor_pair(const Layer& layer, double energy, std::span<const double> norms,
                                      RankAllocation allocation) {
  const auto rank = norms.size() / 2;
  std::vector<double> kappa(rank), result(norms.size(), 0.0);
  for (std::size_t j = 0; j < rank; ++j) kappa[j] = std::pow(norms[j] * norms[rank + j], 2);
  if (energy <= 0) return result;
  const auto split = split_over_ranks(layer.rows, layer.columns, energy, kappa, allocation);
  for (std::size_t j = 0; j < rank; ++j) {
    result[j] = split.left_energies[j];
    result[rank + j] = split.right_energies[j];
  }
  return result;
}

}  // namespace

std::vector<double> split_over_groups(Message::Split split, const Layer& layer,
                                      std::span<const double> energies, std::span<const double> norms) {
  const auto workers = energies.size(), groups = norms.size() / workers;
  const auto allocation =
      split == Message::Split::kFactorPairOptimal ? RankAllocation::optimal : RankAllocation::sqrt_kappa;
  std::vector<double> mean(groups, 0.0);
  for (std::size_t i = 0; i < workers; ++i) {
    const auto own = norms.subspan(i * groups, groups);
    const auto parts = split == Message::Split::kByNorm
                           ? split_over_columns(energies[i], own)
                           : split_factor_pair(layer, energies[i], own, allocation);
    for (std::size_t g = 0; g < groups; ++g) mean[g] += parts[g] / static_cast<double>(workers);
  }
  return mean;
}

double norm_of_groups(std::span<const double> norms, std::size_t worker, std::int64_t groups) {
  const auto own = norms.subspan(worker * static_cast<std::size_t>(groups), static_cast<std::size_t>(groups));
  double result = 0;
  for (const double norm : own) result = std::hypot(result, norm);
  return result;
}

std::vector<double> columns_of(std::span<const double> norms, std::size_t groups, std::size_t first,
                               std::size_t count) {
  std::vector<double> result;
  for (std::size_t row = 0; row < norms.size() / groups; ++row) {
    const auto part = norms.subspan(row * groups + first, count);
    result.insert(result.end(), part.begin(), part.end());
  }
  return result;
}

}  // namespace laser
