// The one home of the units that power is told in: energy a round, signal-to-noise ratio a symbol, symbols,
// air time, joules; linear and in decibels.
//
// P is the energy that a worker spends in a round in units of the noise variance of a real symbol, N(0, 1)
// (spec 1). A round takes D real symbols; a complex symbol carries two of them, one in phase and one in
// quadrature. A receiver with noise density N0 = k T F (T its reference temperature, F its noise factor) has
// noise of energy N0 in a complex symbol and N0/2 in a real one. Energy and noise both double from a real to
// a complex symbol, so that the ratio is the same number for both: SNR = P/D. No path loss here
// (path_loss.hpp), no Torch.
#pragma once

#include <string>
#include <string_view>

namespace laser::link {

/// Real symbols in a complex one.
inline constexpr double kRealPerComplex = 2;
/// Boltzmann's constant, J/K, exact by the definition of the kelvin (SI Brochure, 9th edition, 2019).
inline constexpr double kBoltzmann = 1.380649e-23;
/// Speed of light in vacuum, m/s, exact by the definition of the metre.
inline constexpr double kSpeedOfLight = 299792458;
/// T0 that noise figures refer to, K (IEEE Std 145).
inline constexpr double kReferenceTemperature = 290;

/// 10 log10 of a ratio of powers or energies; -inf for 0. Throws Error (configuration) below 0.
[[nodiscard]] double to_decibels(double ratio);
/// The ratio of that many decibels.
[[nodiscard]] double from_decibels(double decibels);

/// Watts of a level in dBm (decibels over a milliwatt).
[[nodiscard]] double watts_of_dbm(double dbm);
/// dBm of a power in watts. Throws Error (configuration) below 0.
[[nodiscard]] double dbm_of_watts(double watts);

/// SNR, linear, of a real symbol and of a complex one, where energy P is spread evenly over D real symbols:
/// P/D. Throws Error (configuration) on negative P or D not above 0.
[[nodiscard]] double signal_to_noise_of(double power, double symbols);
/// P = SNR D: the energy a round that gives every one of D real symbols this SNR (linear). Throws Error
/// (configuration) on negative arguments.
[[nodiscard]] double power_of(double signal_to_noise, double symbols);

/// Seconds that D real symbols are in the air: D/2 complex symbols at `utilisation` of them a second and
/// hertz of the bandwidth (Hz). Throws Error (configuration) unless bandwidth and utilisation are above 0 and
/// D is not negative.
[[nodiscard]] double air_seconds(double symbols, double bandwidth, double utilisation = 1);

/// Noise power at a receiver, W: k T0 B F with bandwidth B (Hz) and noise figure 10 log10 F (dB) ([Friis,
/// Noise figures of radio receivers, Proc. IRE 1944]). Throws Error (configuration) unless B is above 0.
[[nodiscard]] double noise_watts(double bandwidth, double noise_figure_db,
                                 double temperature = kReferenceTemperature);

/// Joules at the transmitter that arrive as energy P, in units of the noise variance of a real symbol:
/// P (k T0 F/2) / gain, where `path_gain` <= 1 is received over transmitted power. Throws Error
/// (configuration) unless gain and temperature are above 0 and P is not negative.
[[nodiscard]] double transmit_joules(double power, double noise_figure_db, double path_gain,
                                     double temperature = kReferenceTemperature);

/// A power as text: "250", or in decibels "10dB" (then as the ratio, "10"). Any other text is handed
/// back as it is, for whoever reads the number. Throws Error (configuration) where "dB" follows what
/// is no finite number.
[[nodiscard]] std::string plain_power(std::string_view name, const std::string& text);

/// Hertz of "3.5GHz", "20 MHz", "15kHz", "1e9Hz" or "1e9". Throws Error (configuration) with these forms, and
/// unless the frequency is above 0.
[[nodiscard]] double read_frequency(std::string_view name, const std::string& text);
/// Metres of "200", "200m" or "1.5km". Throws Error (configuration) likewise.
[[nodiscard]] double read_distance(std::string_view name, const std::string& text);

}  // namespace laser::link
