#include "laser/link/path_loss.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <optional>

#include "laser/core/arguments.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/named_choice.hpp"
#include "laser/core/options.hpp"
#include "laser/link/units.hpp"

namespace laser::link {
namespace {

using Model = PathLoss::Model;

constexpr std::array<std::pair<std::string_view, Model>, 5> kNamed = {{{"free", Model::free},
                                                                       {"umi", Model::umi},
                                                                       {"umi_nlos", Model::umi_nlos},
                                                                       {"uma", Model::uma},
                                                                       {"uma_nlos", Model::uma_nlos}}};

// TR 38.901, Table 7.4.1-1: heights in m, distances in m, frequencies in Hz.
constexpr double kWorkerHeight = 1.5, kEnvironmentHeight = 1, kTableSpeedOfLight = 3e8;
constexpr double kShortest = 10, kLongest = 5000, kLowest = 0.5e9, kHighest = 100e9;

/// A row of the table: PL1 = a + b log10 d3D + 20 log10 f, PL2 = a + 40 log10 d3D + 20 log10 f - c
/// log10(d_BP^2 + (h_BS - h_UT)^2), and without line of sight at least e + g log10 d3D + s log10 f - u (h_UT
/// - 1.5), f in GHz.
struct Row {
  double base_height;
  double a, b, c;
  double e, g, s, u;
};
constexpr Row kStreetCanyon{10, 32.4, 21, 9.5, 22.4, 35.3, 21.3, 0.3};
constexpr Row kMacro{25, 28.0, 22, 9, 13.54, 39.08, 20, 0.6};

bool is_table(Model model) { return model != Model::free && model != Model::exponent; }

double table_db(const Row& row, bool sight, double distance, double carrier) {
  const double rise = row.base_height - kWorkerHeight;
  const double slant = std::hypot(distance, rise);
  const double breakpoint = 4 * (row.base_height - kEnvironmentHeight) *
                            (kWorkerHeight - kEnvironmentHeight) * carrier / kTableSpeedOfLight;
  const double decades = std::log10(carrier / 1e9);
  const double seen = distance <= breakpoint ? row.a + row.b * std::log10(slant) + 20 * decades
                                             : row.a + 40 * std::log10(slant) + 20 * decades -
                                                   row.c * std::log10(breakpoint * breakpoint + rise * rise);
  if (sight) return seen;
  return std::max(seen, row.e + row.g * std::log10(slant) + row.s * decades - row.u * (kWorkerHeight - 1.5));
}

/// The distances that a model knows, m.
std::pair<double, double> range_of(Model model) {
  constexpr double kFarthest = 1e9;
  if (is_table(model)) return {kShortest, kLongest};
  return {model == Model::exponent ? 1 : 1e-3, kFarthest};
}

}  // namespace

PathLoss parse_path_loss(const std::string& text) {
  constexpr std::string_view kExponent = "exponent=";
  for (const auto& [name, model] : kNamed)
    if (text == name) return {model, 2};
  if (text.starts_with(kExponent)) {
    PathLoss loss{Model::exponent, 2};
    OptionList list;
    list.add_real("exponent", loss.exponent, 1, 10, false, "", "");
    list.set("exponent", text.substr(kExponent.size()));
    return loss;
  }
  fail(ExitCode::kConfiguration, "path loss '{}' is unknown: choose {}", text, kPathLossHelp);
}

double free_space_db(double distance, double carrier) {
  require_positive("the distance", distance);
  require_positive("the carrier frequency", carrier);
  return 20 * std::log10(4 * std::numbers::pi * distance * carrier / kSpeedOfLight);
}

double path_loss_db(const PathLoss& loss, double distance, double carrier) {
  require_positive("the distance", distance);
  require_positive("the carrier frequency", carrier);
  const auto [shortest, longest] = range_of(loss.model);
  if (distance < shortest || distance > longest) {
    fail(ExitCode::kConfiguration,
         "a distance of {:g} m is outside of the path loss model's range, {:g} to {:g} m. HINT: free and "
         "exponent=N have no bound that matters",
         distance, shortest, longest);
  }
  if (is_table(loss.model) && (carrier < kLowest || carrier > kHighest)) {
    fail(ExitCode::kConfiguration,
         "a carrier of {:g} GHz is outside of the path loss model's range, 0.5 to 100 GHz. HINT: free and "
         "exponent=N know every frequency",
         carrier / 1e9);
  }
  switch (loss.model) {
    case Model::umi:
    case Model::umi_nlos:
      return table_db(kStreetCanyon, loss.model == Model::umi, distance, carrier);
    case Model::uma:
    case Model::uma_nlos:
      return table_db(kMacro, loss.model == Model::uma, distance, carrier);
    case Model::exponent:
      return free_space_db(1, carrier) + 10 * loss.exponent * std::log10(distance);
    default:
      return free_space_db(distance, carrier);
  }
}

double distance_of_loss(const PathLoss& loss, double decibels, double carrier) {
  auto [low, high] = range_of(loss.model);
  if (path_loss_db(loss, low, carrier) > decibels) {
    fail(ExitCode::kConfiguration,
         "a path loss of {:.1f} dB is less than that over {:g} m, the shortest distance of the model: no "
         "distance will do. HINT: more transmit power, or less bandwidth",
         decibels, low);
  }
  if (path_loss_db(loss, high, carrier) <= decibels) return high;
  for (int step = 0; step < 200; ++step) {  // halves the interval of the logarithm
    const double middle = std::sqrt(low * high);
    (path_loss_db(loss, middle, carrier) <= decibels ? low : high) = middle;
  }
  return low;
}

}  // namespace laser::link
