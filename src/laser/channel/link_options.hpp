// What channels can be told: plain data, without LibTorch.
#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace laser {

/// Gains that were measured or computed elsewhere, for the channel `trace`.
struct GainTrace {
  std::int64_t rounds = 0, workers = 0;
  std::int64_t antennas = 0;  // at the receiver; 0: one, to which the workers compensate their phases
  // [rounds, workers, antennas], all finite; 0: a link that is down
  std::vector<std::complex<double>> gains = {};
  std::string name = "this trace";  // what errors call it: the file
  std::string sha256 = "";          // of the file, by which runs know it
};

/// What the channels with fading can be told, and what is not perfect about any link (docs/channels.md).
/// docs/reference.md says what they may be; make_channel() refuses all else.
struct LinkOptions {
  double least_gain = 0.3;        // csit_trunc: workers with |h| below stay silent
  std::int64_t antennas = 16;     // blind_mimo: at the receiver
  double channel_error = 0;       // csit, csit_trunc, csir: mean square error of an estimate of a gain
  double path_loss_exponent = 0;  // likewise: of workers that are spread over a cell; 0: all equally far
  double shadowing_db = 0;        // likewise: standard deviation over the workers
  double phase_error = 0;         // standard deviation of the residual phase, radians
  double timing_error = 0;        // standard deviation of the residual timing offset, symbol durations
  double peak_ratio = 0;          // clipping, peak over mean square; 0: none
  std::string access = "time_division";  // digital: time_division | sum_capacity, how workers share the air
  std::string gains = "";                // trace: the file of its gains
  /// Its content, or gains of one's own.
  std::shared_ptr<const GainTrace> trace = nullptr;
};

}  // namespace laser
