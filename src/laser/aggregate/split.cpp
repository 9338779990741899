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
                                      std::span<const double> energies, const WorkerTable& norms) {
  const auto workers = norms.workers(), groups = norms.columns();
  const auto allocation =
      split == Message::Split::kFactorPairOptimal ? RankAllocation::optimal : RankAllocation::sqrt_kappa;
  std::vector<double> mean(groups, 0.0);
  for (std::size_t i = 0; i < workers; ++i) {
    const auto parts = split == Message::Split::kByNorm
                           ? split_over_columns(energies[i], norms.row(i))
                           : split_factor_pair(layer, energies[i], norms.row(i), allocation);
    for (std::size_t g = 0; g < groups; ++g) mean[g] += parts[g] / static_cast<double>(workers);
  }
  return mean;
}

double norm_of(std::span<const double> norms) {
  double result = 0;
  for (const double norm : norms) result = std::hypot(result, norm);
  return result;
}

}  // namespace laser
