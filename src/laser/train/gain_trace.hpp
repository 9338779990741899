// Files of gains for the channel `trace`: what a ray tracer, a channel simulator or a test bed wrote.
//
//   .npy          one array: float32, float64, complex64 or complex128, in C order
//   .safetensors  tensor "gains" (F32 or F64), or its parts "gains.real" and "gains.imag"
//   .csv          a line a round, a number a worker: 0.5 or 0.5-0.25j; one antenna only
//
// Shape [rounds, workers], or [rounds, workers, antennas]. Hostile until it is checked, like all files.
#pragma once

#include <memory>
#include <string>

#include "laser/channel/channel.hpp"

namespace laser {

/// The gains in the file, all finite, with its SHA-256. Throws Error (data) naming the file, the place in it
/// and the next step.
std::shared_ptr<const GainTrace> read_gain_trace(const std::string& path);

}  // namespace laser
