// What a run was made with.
#pragma once

#include <map>
#include <string>

#include "laser/train/experiment.hpp"

namespace laser {

/// Versions of laser, LibTorch and the compiler, SIMD level, threads, seed, command line and start time.
std::map<std::string, std::string> versions(const Experiment& experiment, const std::string& command);

/// "0.2.0 (revision)".
std::string laser_version();

/// LibTorch's version text, "2.13.0".
std::string torch_version();

/// Name and version of the compiler of this program.
std::string compiler_version();

}  // namespace laser
