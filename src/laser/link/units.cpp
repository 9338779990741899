#include "laser/link/units.hpp"

#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

#include "laser/core/arguments.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/options.hpp"

namespace laser::link {
namespace {

std::optional<double> number_of(std::string_view text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = problem == std::errc{} && end == text.data() + text.size();
  return whole && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::string lower(std::string_view text) {
  std::string result;
  for (const char c : text) result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

using Unit = std::pair<std::string_view, double>;

/// A positive number with one of the units, longer names first.
double read_quantity(std::string_view name, const std::string& text, std::span<const Unit> units,
                     std::string_view example) {
  const auto small = lower(text);
  std::string_view digits = text;
  double factor = 1;
  for (const auto& [unit, size] : units) {
    if (!small.ends_with(unit)) continue;
    digits = digits.substr(0, digits.size() - unit.size());
    factor = size;
    break;
  }
  const auto value = number_of(digits);
  if (!value || *value <= 0) {
    fail(ExitCode::kConfiguration, "{} = '{}' is not a number above 0 with a unit. HINT: {} {}", name, text,
         name, example);
  }
  return *value * factor;
}

}  // namespace

double to_decibels(double ratio) {
  require_nonnegative("a ratio in decibels", ratio);
  return 10 * std::log10(ratio);
}

double from_decibels(double decibels) { return std::pow(10, decibels / 10); }

double watts_of_dbm(double dbm) { return from_decibels(dbm) * 1e-3; }

double dbm_of_watts(double watts) { return to_decibels(watts * 1e3); }

double signal_to_noise_of(double power, double symbols) {
  require_nonnegative("the power P", power);
  require_positive("the number of symbols D", symbols);
  return power / symbols;
}

double power_of(double signal_to_noise, double symbols) {
  require_nonnegative("the signal-to-noise ratio", signal_to_noise);
  require_nonnegative("the number of symbols D", symbols);
  return signal_to_noise * symbols;
}

double air_seconds(double symbols, double bandwidth, double utilisation) {
  require_nonnegative("the number of symbols D", symbols);
  require_positive("the bandwidth", bandwidth);
  require_positive("the utilisation", utilisation);
  return symbols / kRealPerComplex / (bandwidth * utilisation);
}

double noise_watts(double bandwidth, double noise_figure_db, double temperature) {
  require_positive("the bandwidth", bandwidth);
  require_positive("the temperature", temperature);
  return kBoltzmann * temperature * bandwidth * from_decibels(noise_figure_db);
}

double transmit_joules(double power, double noise_figure_db, double path_gain, double temperature) {
  require_nonnegative("the power P", power);
  require_positive("the path gain", path_gain);
  require_positive("the temperature", temperature);
  return power * kBoltzmann * temperature * from_decibels(noise_figure_db) / kRealPerComplex / path_gain;
}

std::string plain_power(std::string_view name, const std::string& text) {
  if (!lower(text).ends_with("db")) return text;
  const auto decibels = number_of(std::string_view(text).substr(0, text.size() - 2));
  const double ratio = decibels ? from_decibels(*decibels) : 0;
  if (!decibels || !std::isfinite(ratio))
    fail(ExitCode::kConfiguration, "{} = '{}' is not a number of decibels. HINT: {}=10dB, which is 10", name,
         text, name);
  return number_text(ratio);
}

double read_frequency(std::string_view name, const std::string& text) {
  static constexpr std::array<Unit, 4> kUnits = {{{"ghz", 1e9}, {"mhz", 1e6}, {"khz", 1e3}, {"hz", 1}}};
  return read_quantity(name, text, kUnits, "3.5GHz");
}

double read_distance(std::string_view name, const std::string& text) {
  static constexpr std::array<Unit, 2> kUnits = {{{"km", 1e3}, {"m", 1}}};
  return read_quantity(name, text, kUnits, "200m");
}

}  // namespace laser::link
