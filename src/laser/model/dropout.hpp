// Dropout whose masks are a function of their address (core/random.hpp): nothing to save for a resumed run,
// the same for every number of threads, and drawn again in backward instead of kept.
//
// On the CPU the masks are words of the stream itself. On a GPU LibTorch draws them, from a seed taken from
// the stream: as repeatable, other numbers.
#pragma once

#include <ATen/core/Tensor.h>

#include "laser/core/random.hpp"

namespace laser {

/// x with each element zero with probability `rate`, else multiplied by 1 / (1 - rate); differentiable. The
/// element's place in the contiguous tensor is its number in the stream. 0 <= rate < 1; at 0 this is x.
[[nodiscard]] at::Tensor dropout(const at::Tensor& x, double rate, const StreamKey& key);

/// Causal attention softmax(Q K^T / sqrt(D)) V of [n, heads, T, D] with dropout of the
/// attention weights; differentiable.
[[nodiscard]] at::Tensor causal_attention(const at::Tensor& query, const at::Tensor& key,
                                          const at::Tensor& value, double rate, const StreamKey& stream);

}  // namespace laser
