// A link budget: from transmit power, distance and bandwidth to the signal-to-noise ratio at the
// server, and from a wanted ratio back to each of the three. One worker's link: the others add to the
// sum, not to the noise.
#pragma once

#include "laser/link/path_loss.hpp"

namespace laser::link {

/// A worker's radio, the way and the server's receiver.
struct Radio {
  double transmit_dbm = 23;    // while it sends: the largest of a handset (3GPP power class 3)
  double distance = 200;       // m
  double carrier = 3.5e9;      // Hz
  double bandwidth = 20e6;     // Hz
  double noise_figure_db = 7;  // of the server's receiver
  PathLoss path_loss;          // with antennas of 0 dBi
  /// Complex symbols with data a second and hertz. 0.84: an LTE carrier of 20 MHz, 1200 subcarriers
  /// of 14 symbols a millisecond, the rest being guard bands and cyclic prefixes ([3GPP TS 36.211]);
  /// 1: none of either.
  double utilisation = 0.84;
};

/// What arrives.
struct Reception {
  double path_loss_db = 0;
  double received_dbm = 0;
  double noise_dbm = 0;  // k T0 B F over the whole bandwidth
  double snr_db = 0;     // of a complex symbol, and of a real one: received over noise power
};

/// Received power, noise and their ratio. Throws Error (configuration) outside of the path loss model's
/// range, and unless bandwidth and utilisation are above 0.
[[nodiscard]] Reception budget(const Radio& radio);

/// The transmit power (dBm), the farthest distance (m) and the widest bandwidth (Hz) with which `radio`,
/// whose own value of it does not count, gives `snr_db`. Throws Error (configuration) likewise, and
/// where no distance does.
[[nodiscard]] double transmit_dbm_for(const Radio& radio, double snr_db);
[[nodiscard]] double distance_for(const Radio& radio, double snr_db);
[[nodiscard]] double bandwidth_for(const Radio& radio, double snr_db);

}  // namespace laser::link
