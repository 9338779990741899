// Median path loss between a worker and the server: the power that is lost on the way, in dB. No fading and
// no shadowing: those are what channel/ draws.
//
// Heights are those of [3GPP TR 38.901, V17, Table 7.4.1-1]: a base station of 10 m (UMi street canyon) or 25
// m (UMa), a worker at 1.5 m, and 1 m of effective environment height h_E.
#pragma once

#include <string>
#include <string_view>

namespace laser::link {

/// A model of path loss by name; `exponent` is read by Model::exponent alone.
struct PathLoss {
  /// Free space, those of 3GPP with and without line of sight, or a power of the distance.
  enum class Model { free, umi, uma, umi_nlos, uma_nlos, exponent };
  Model model = Model::free;
  double exponent = 2;
};

/// How path losses may be written, for the help.
inline constexpr const char* kPathLossHelp = "free, umi, umi_nlos, uma, uma_nlos or exponent=3.5";

/// The model of that text. Throws Error (configuration) with the forms that are understood; the exponent lies
/// in 1 .. 10.
[[nodiscard]] PathLoss parse_path_loss(const std::string& text);

/// Free space, dB: 20 log10(4 pi d f/c), d in m, f in Hz ([Friis, A note on a simple transmission formula,
/// Proc. IRE 1946]; ITU-R P.525). Throws Error (configuration) unless both are above 0.
[[nodiscard]] double free_space_db(double distance, double carrier);

/// Path loss in dB over `distance` (m; along the ground for umi and uma, between the antennas otherwise) at
/// `carrier` (Hz). `exponent`: the close-in model, free space over the first metre and 10 n log10(d/1 m)
/// beyond ([Sun et al., Propagation path loss models for 5G, VTC 2016]). umi, uma: [3GPP TR 38.901,
/// Table 7.4.1-1], line of sight with its breakpoint at 4 (h_BS - h_E)(h_UT - h_E) f/c, where c = 3e8 m/s;
/// *_nlos: without line of sight, at least the former. Throws Error (configuration) outside of a model's
/// range: from 10 m to 5 km and from 0.5 to 100 GHz for 3GPP's, from 1 m for `exponent`.
[[nodiscard]] double path_loss_db(const PathLoss& model, double distance, double carrier);

/// The farthest distance (m) whose path loss is at most `decibels`. Throws Error (configuration) where the
/// shortest distance of the model loses more already; the longest of the model where that loses less.
[[nodiscard]] double distance_of_loss(const PathLoss& model, double decibels, double carrier);

}  // namespace laser::link
