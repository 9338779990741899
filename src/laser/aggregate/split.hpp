// From the energy of a tensor to the energies of its groups of symbols, averaged over the workers
// (spec 2.4, 3.2-3.4).
#pragma once

#include <span>
#include <vector>

#include "laser/compress/compressor.hpp"
#include "laser/core/worker_table.hpp"

namespace laser {

/// Energies p_b [groups] of one tensor: every worker splits its own energy (`energies` [k]) by its own group
/// norms (`norms` [k, groups]), and the server averages.
std::vector<double> split_over_groups(Message::Split split, const Layer& layer,
                                      std::span<const double> energies, const WorkerTable& norms);

/// Norm of all groups together, from their own.
double norm_of(std::span<const double> norms);

}  // namespace laser
