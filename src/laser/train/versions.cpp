#include "laser/train/versions.hpp"

#include <ATen/Parallel.h>
#include <torch/version.h>

#include <chrono>
#include <ctime>

#include "laser/kernels/normal.hpp"

namespace laser {

std::string laser_version() { return LASER_VERSION " (" LASER_GIT_REVISION ")"; }

std::string torch_version() { return TORCH_VERSION; }

std::string compiler_version() { return "g++ " __VERSION__; }

std::map<std::string, std::string> versions(const Experiment& experiment, const std::string& command) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char started[32];
  std::strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {{"laser", laser_version()},
          {"torch", torch_version()},
          {"compiler", compiler_version()},
          {"simd", simd_level()},
          {"threads", std::to_string(at::get_num_threads())},
          {"seed", std::to_string(experiment.seed)},
          {"command", command},
          {"started", started}};
}

}  // namespace laser
