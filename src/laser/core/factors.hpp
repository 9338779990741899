// Matrices as products of thin factors, and tensors by name: what the parts of a round hand one another.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

namespace laser {

/// What lasts or is looked up, by name: "left", "memory/hidden.weight".
using NamedTensors = std::map<std::string, at::Tensor>;

/// Factors of [m, n] matrices left^T right: left [r, m] and right [r, n], or [K, r, m] and [K, r, n]. Either
/// may be undefined where only the other is meant.
struct Factors {
  at::Tensor left;
  at::Tensor right;
  /// Whether both are there.
  [[nodiscard]] bool defined() const { return left.defined() && right.defined(); }
};

/// Products of the message M that a compressor asks for before it encodes; undefined bases ask for nothing.
struct Projection {
  at::Tensor left_basis;   // B [r, m]: the right factor B M, [K, r, n]
  at::Tensor right_basis;  // B [r, n]: the left factor B M^T, [K, r, m]
  bool compose = false;    // with a right basis: the right factor is (left factor) M
  /// Whether it asks for any product.
  [[nodiscard]] bool wanted() const { return left_basis.defined() || right_basis.defined(); }
};

}  // namespace laser
