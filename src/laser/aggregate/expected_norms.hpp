// Norms that are expected of a worker's symbols before a round begins: roots of mean squares over the rounds
// before it (spec 1.2; COTAF, arXiv 2009.12787). Symbols that are scaled by them keep the budget on average
// and not in every round, and nobody's norm of this round has to be known.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "laser/core/worker_table.hpp"

namespace laser {

/// What of the mean square stays when another round is added to it.
inline constexpr double kExpectationKept = 0.9;

/// The norms [k, G] to scale this round's groups of symbols by: in every column, for all workers alike, the
/// largest that is expected of one. `squares` [k, G] in double are the mean squares of norms so far; where it
/// is undefined or of another shape, or a column says nothing, the norms of this round take their place.
[[nodiscard]] WorkerTable expected_norms(const at::Tensor& squares, const WorkerTable& norms);

/// Mean squares [k, G] with this round in them: u <- 0.9 u + 0.1 norm^2 of those that are `active` [k], with
/// the first square as the beginning.
[[nodiscard]] at::Tensor mean_squares(const at::Tensor& squares, const WorkerTable& norms,
                                      std::span<const char> active);

}  // namespace laser
