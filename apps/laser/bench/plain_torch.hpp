// The paper's algorithms as one would write them in PyTorch: tensor by tensor, worker by worker, whole
// operations on whole tensors. They stand for the scripts that exist (the authors', epfml/powersgd) as what
// to compare with, and are not used for anything else.
//
// Arithmetic and memory traffic are those of such scripts; results are not compared, for
// the noise is another.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "laser/bench/gradient_set.hpp"

namespace laser::bench {

/// One round of `method` (laser, zsgd, signum, randomk, sketch) at `rank`: gradients -> estimate [d], on
/// noise of standard deviation 0.01; empty for methods that have no such script. The set outlives it.
std::function<void()> plain_torch_round(const std::string& method, const std::string& transport,
                                        const GradientSet& set, std::int64_t rank);

}  // namespace laser::bench
