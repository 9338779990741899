// How much of the gradients lies in few directions (Figure 6): what low rank has to gain.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

#include "laser/core/layout.hpp"

namespace laser {

/// sum_{i <= rank} s_i^2 / sum_i s_i^2 of a matrix [m, n] with singular values s_1 >= s_2 >= ... (spec 5,
/// E7); 1 where rank >= min(m, n), 0 for a matrix of zeros.
double energy_share(const at::Tensor& matrix, std::int64_t rank);

/// That of every tensor of `layout` which `rank` does not exhaust (min(m, n) > rank), seen as a matrix
/// (spec 2.1), in a gradient [d], by the name of the tensor.
std::map<std::string, double> energy_shares(const Layout& layout, const at::Tensor& gradient,
                                            std::int64_t rank);

}  // namespace laser
