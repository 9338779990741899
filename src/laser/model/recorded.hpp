// Steps of a network whose backward is written by hand, as nodes of LibTorch's graph.
//
// For what autograd does at a cost: weights whose gradients go straight into the gradient bank, layers that
// are computed again instead of kept, masks that are drawn again.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace laser {

/// From the gradient of a value to the gradient of its input; it may add to gradients of weights on the way.
using Backward = std::function<at::Tensor(const at::Tensor&)>;

/// `value`, which was computed without autograd, as a function of `input` with this backward, which runs once
/// and then frees what it holds. It may return an undefined tensor if `input` is a leaf whose gradient it
/// took care of.
[[nodiscard]] at::Tensor recorded(const at::Tensor& value, const at::Tensor& input, Backward backward);

/// x W^T + b for x [..., in], leaves W [out, in] and b [out] (may be undefined), computed in `type`. Backward
/// adds to W.grad() and b.grad(), which must be there.
[[nodiscard]] at::Tensor recorded_linear(const at::Tensor& x, const at::Tensor& weight,
                                         const at::Tensor& bias, at::ScalarType type);

/// Rows `ids` (any shape) of a leaf W [rows, width]. Backward adds to W.grad(), in an order that
/// is always the same.
[[nodiscard]] at::Tensor recorded_embedding(const at::Tensor& weight, const at::Tensor& ids);

/// layer(x), computed again in backward so that only x is kept in between.
[[nodiscard]] at::Tensor recorded_again(const std::function<at::Tensor(const at::Tensor&)>& layer,
                                        const at::Tensor& x);

}  // namespace laser
