// Shares drawn from a symmetric Dirichlet distribution, addressed like all random numbers (core/random.hpp).
#pragma once

#include <cstddef>
#include <vector>

#include "laser/core/random.hpp"

namespace laser {

/// `count` shares that sum to 1, Dirichlet(alpha, ..., alpha); alpha > 0. Small alpha gives nearly all to
/// one. At most 64 tries of Marsaglia and Tsang's rejection for each, of which every one succeeds with more
/// than 95 %.
std::vector<double> dirichlet(double alpha, std::size_t count, const StreamKey& key);

}  // namespace laser
