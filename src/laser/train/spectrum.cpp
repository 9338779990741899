#include "laser/train/spectrum.hpp"

#include <ATen/ATen.h>

#include <algorithm>

namespace laser {

double energy_share(const at::Tensor& matrix, std::int64_t rank) {
  auto m = matrix.to(at::kDouble);
  // Scaled first, so that no square overflows or vanishes.
  const auto largest = m.numel() == 0 ? 0.0 : m.abs().max().item<double>();
  if (largest == 0) return 0;
  m = m / largest;
  if (m.size(0) > m.size(1)) m = m.t();
  if (rank >= m.size(0)) return 1;
  // The squares of the singular values are the eigenvalues of the small Gram matrix, in ascending order.
  const auto squares = at::linalg_eigvalsh(m.mm(m.t())).clamp_min(0);
  return (squares.slice(0, squares.size(0) - rank).sum() / squares.sum()).item<double>();
}

std::map<std::string, double> energy_shares(const Layout& layout, const at::Tensor& gradient,
                                            std::int64_t rank) {
  std::map<std::string, double> shares;
  for (const auto& layer : layout.layers) {
    if (!layer.is_matrix() || std::min(layer.rows, layer.columns) <= rank) continue;
    const auto matrix =
        gradient.slice(0, layer.offset, layer.offset + layer.size).view({layer.rows, layer.columns});
    shares[layer.name] = energy_share(matrix, rank);
  }
  return shares;
}

}  // namespace laser
