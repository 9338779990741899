// The server's rule: what becomes of a tensor's update before the step, so that its length does
// not follow the noise.
//
// An estimate of a round, or its average over rounds, is a direction with a length; where the noise is
// louder than the signal the length is the noise's. A rule keeps the direction and says the length itself:
// the root mean square of a tensor's numbers becomes 1, as that of signs is, so that one step size fits
// matrices and biases. It is not a receiver (receiver.hpp): it comes after decoding and feedback, which
// know nothing of it.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "laser/core/part.hpp"

namespace laser {

/// A row of the server rules' table.
struct ServerRuleEntry : PartRow {
  /// Changes an update [m, n], contiguous, in place; null: it stays as it is. An update of zeros stays so.
  void (*apply)(at::Tensor& update);
};

/// All server rules.
const std::vector<ServerRuleEntry>& server_rules();

/// The polar factor U V^T of `update` [m, n] = U S V^T, times sqrt(m n / r), r the number of its directions,
/// in place: every direction that is there at all counts alike [Muon; Dion, arXiv 2504.05295; numbers of one
/// root mean square as in arXiv 2502.16982, there 0.2]. Singular values below 3e-6 of the largest are
/// rounding, and left out: a product of r factors has r directions. By the Gram matrix of the shorter side,
/// in double: O(m n min(m, n)).
void make_polar(at::Tensor& update);

}  // namespace laser
