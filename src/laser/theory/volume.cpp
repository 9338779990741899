#include "laser/theory/volume.hpp"

#include <algorithm>
#include <cmath>

#include "laser/core/arguments.hpp"
#include "laser/core/named_choice.hpp"

namespace laser::theory {

VolumeScheme parse_volume_scheme(std::string_view name) {
  return parse_choice(kVolumeSchemes, "algorithm", name);
}

std::int64_t tensor_symbols(const Layer& layer, VolumeScheme scheme, const VolumeOptions& options) {
  switch (scheme) {
    case VolumeScheme::zsgd:
    case VolumeScheme::signum:
      return layer.size;
    case VolumeScheme::randomk:
    case VolumeScheme::sketch:
    case VolumeScheme::adsgd:
      return kept_coordinates(layer.size, options.compression_factor);
    default:
      break;
  }
  if (!compression_saves(layer, options.rank)) return layer.size;
  const auto rank = effective_rank(layer, options.rank);
  if (scheme == VolumeScheme::laser_alt_even) return rank * layer.columns;
  if (scheme == VolumeScheme::laser_alt_odd) return rank * layer.rows;
  return rank * (layer.rows + layer.columns);
}

Volume data_volume(const Layout& layout, VolumeScheme scheme, const VolumeOptions& options) {
  if (layout.layers.empty())
    fail(ExitCode::kConfiguration, "the model has no tensors: there is nothing to send");
  Volume volume;
  for (const auto& layer : layout.layers) volume.symbols += tensor_symbols(layer, scheme, options);
  volume.dense_floats = layout.size;
  volume.bytes = scheme == VolumeScheme::signum ? (volume.symbols + 7) / 8 : 4 * volume.symbols;
  volume.compression_ratio = 4 * static_cast<double>(volume.dense_floats) / static_cast<double>(volume.bytes);
  return volume;
}

}  // namespace laser::theory
