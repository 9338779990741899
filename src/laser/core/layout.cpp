#include "laser/core/layout.hpp"

#include <fmt/ranges.h>

#include "laser/core/error.hpp"

namespace laser {

void Layout::add(const std::string& name, const Shape& shape) {
  Layer layer{name, shape, size, 1, 1, 1};
  for (const auto dimension : shape) {
    if (dimension <= 0) {
      fail(ExitCode::kConfiguration, "tensor '{}' has the shape [{}]: every dimension must be positive", name,
           fmt::join(shape, ", "));
    }
    layer.size *= dimension;
  }
  layer.rows = shape.empty() ? 1 : shape.front();
  layer.columns = layer.size / layer.rows;
  size += layer.size;
  layers.push_back(std::move(layer));
}

}  // namespace laser
