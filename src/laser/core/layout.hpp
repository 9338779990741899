// How the parameters of a model lie in one vector of d numbers, and how each tensor is seen as a matrix.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace laser {

/// Sizes of a tensor's dimensions.
using Shape = std::vector<std::int64_t>;

/// One parameter tensor (the paper's "layer" l) inside the flat parameter vector.
struct Layer {
  std::string name;
  Shape shape;
  std::int64_t offset = 0;   // of its first element in the flat vector
  std::int64_t size = 0;     // d_l
  std::int64_t rows = 0;     // m = shape[0]
  std::int64_t columns = 0;  // n = product of the other dimensions (spec 2.1); 1 for vectors
  /// Matrices and higher-order tensors; 1-D tensors (biases, normalisation) are never factored.
  [[nodiscard]] bool is_matrix() const { return shape.size() >= 2; }
};

/// All tensors of a model, contiguous and in order: the gradient bank is [K, d] with this layout in each row.
struct Layout {
  std::vector<Layer> layers;
  std::int64_t size = 0;  // d = sum of d_l

  /// Appends a tensor. Throws Error (configuration) if a dimension is not positive.
  void add(const std::string& name, const Shape& shape);
};

/// r_l = min(r, m, n) of a tensor (spec 1). Throws Error (configuration) if rank < 1.
[[nodiscard]] std::int64_t effective_rank(const Layer& layer, std::int64_t rank);

/// Rule `saves`: compress iff the tensor has 2 dimensions or more and m n > r_l (m + n) (spec 2.1). Throws
/// Error (configuration) if rank < 1.
[[nodiscard]] bool compression_saves(const Layer& layer, std::int64_t rank);

/// Numbers kept of a tensor of `size` at compression factor cf: max(1, floor(cf size + 1e-9)) (spec 4, 7).
/// Throws Error (configuration) unless 0 < cf <= 1.
[[nodiscard]] std::int64_t kept_coordinates(std::int64_t size, double compression_factor);

}  // namespace laser
