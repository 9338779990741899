#include "laser/core/layout.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "laser/core/arguments.hpp"

namespace laser {

void Layout::add(const std::string& name, const Shape& shape) {
  Layer layer{name, shape, size, 1, 1, 1};
  for (const auto dimension : shape) {
    if (dimension <= 0) {
      fail(ExitCode::kConfiguration, "tensor '{}' has the shape [{}]: every dimension must be positive", name,
           fmt::join(shape, ", "));
    }
    if (__builtin_mul_overflow(layer.size, dimension, &layer.size)) {
      fail(ExitCode::kConfiguration, "tensor '{}' has the shape [{}]: more numbers than can be counted", name,
           fmt::join(shape, ", "));
    }
  }
  layer.rows = shape.empty() ? 1 : shape.front();
  layer.columns = layer.size / layer.rows;
  if (__builtin_add_overflow(size, layer.size, &size))
    fail(ExitCode::kConfiguration, "with tensor '{}' there are more numbers than can be counted", name);
  layers.push_back(std::move(layer));
}

std::int64_t effective_rank(const Layer& layer, std::int64_t rank) {
  require_at_least("the rank r", rank, 1);
  return std::min({rank, layer.rows, layer.columns});
}

bool compression_saves(const Layer& layer, std::int64_t rank) {
  const auto fitted = effective_rank(layer, rank);
  return layer.is_matrix() && layer.rows * layer.columns > fitted * (layer.rows + layer.columns);
}

std::int64_t kept_coordinates(std::int64_t size, double compression_factor) {
  require_fraction("the compression factor", compression_factor);
  // 1e-9: products such as 0.29 * 100 must not fall just below the integer they mean.
  const double kept = std::floor(compression_factor * static_cast<double>(size) + 1e-9);
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(kept));
}

}  // namespace laser
