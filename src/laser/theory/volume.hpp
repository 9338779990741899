// How much data one worker sends per iteration (spec 7; [LASER, Table 5]), and the rule that decides which
// tensors are compressed (spec 2.1).
//
// Side information (norms, allocation, seeds, downlink) is not counted, as in the paper. One symbol = one
// float = 4 bytes, except for Signum, whose signs are counted as bits (spec 8.18).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "laser/core/layout.hpp"

namespace laser::theory {

/// The schemes of spec 7.
enum class VolumeScheme {
  zsgd,
  signum,
  randomk,
  sketch,
  adsgd,
  laser_two_phase,
  laser_one_shot,
  laser_alt_even,
  laser_alt_odd,
};

/// Name <-> scheme, in the order of help texts.
inline constexpr std::array<std::pair<std::string_view, VolumeScheme>, 9> kVolumeSchemes = {{
    {"zsgd", VolumeScheme::zsgd},
    {"signum", VolumeScheme::signum},
    {"randomk", VolumeScheme::randomk},
    {"sketch", VolumeScheme::sketch},
    {"adsgd", VolumeScheme::adsgd},
    {"laser_two_phase", VolumeScheme::laser_two_phase},
    {"laser_one_shot", VolumeScheme::laser_one_shot},
    {"laser_alt_even", VolumeScheme::laser_alt_even},
    {"laser_alt_odd", VolumeScheme::laser_alt_odd},
}};

/// The scheme of that name (spec 7). Throws Error (configuration) that lists the names.
[[nodiscard]] VolumeScheme parse_volume_scheme(std::string_view name);

/// What the schemes need to know; each reads its own field.
struct VolumeOptions {
  std::int64_t rank = 4;
  double compression_factor = 0.2;
};

/// Channel symbols that one worker sends for one tensor in one iteration (spec 7).
[[nodiscard]] std::int64_t tensor_symbols(const Layer& layer, VolumeScheme scheme,
                                          const VolumeOptions& options);

/// Per worker and iteration.
struct Volume {
  std::int64_t symbols = 0;       // channel uses
  std::int64_t bytes = 0;         // 4 a symbol; Signum one bit a symbol, rounded up
  std::int64_t dense_floats = 0;  // d
  double compression_ratio = 0;   // 4 d / bytes
};

/// Data volume of a model (spec 7). Throws Error (configuration) on a rank below 1, a compression factor
/// outside (0, 1] or an empty layout.
[[nodiscard]] Volume data_volume(const Layout& layout, VolumeScheme scheme, const VolumeOptions& options);

}  // namespace laser::theory
