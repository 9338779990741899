// From the energy of a tensor to the energies of its groups of symbols, averaged over the workers
// (spec 2.4, 3.2-3.4).
#pragma once

#include <span>
#include <vector>

#include "laser/compress/compressor.hpp"

namespace laser {

/// Energies p_b [groups] of one tensor: every worker splits its own energy (`energies` [k]) by its own group
/// norms
/// (`norms` [k, groups]), and the server averages.
std::vector<double> split_over_groups(Message::Split split, const Layer& layer,
                                      std::span<const double> energies, std::span<const double> norms);

/// Norm of all groups of worker i together, from `norms` [k, groups].
double norm_of_groups(std::span<const double> norms, std::size_t worker, std::int64_t groups);

/// Columns first .. first+count-1 of `norms` [K, groups], as [K, count].
std::vector<double> columns_of(std::span<const double> norms, std::size_t groups, std::size_t first,
                               std::size_t count);

}  // namespace laser
