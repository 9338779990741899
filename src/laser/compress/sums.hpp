// Sums over all numbers of a tensor whose bits do not depend on the number of threads. LibTorch splits a sum
// of 2^15 numbers or more over its threads; these go piece by piece, in order, and are LibTorch's own below
// that.
#pragma once

#include <ATen/core/Tensor.h>

namespace laser {

/// Sum of a[i] b[i] in double; both of one shape.
double inner_product(const at::Tensor& a, const at::Tensor& b);

/// Norm of all numbers: in their own type as LibTorch has it, or from those of pieces where there are many.
double norm_of_all(const at::Tensor& numbers);

}  // namespace laser
