// The cases of `laser bench`: which of our code, on which gradients, against which floor and peers.
#pragma once

#include <functional>
#include <string>

#include "laser/bench/result.hpp"

namespace laser::bench {

struct BenchOptions {
  bool quick = false;       // fewer cases and repetitions: within a minute
  std::string only;         // cases whose "name model" contains this; empty: all
  std::string python;       // interpreter for powerSGD_hook; empty: without
  std::string hook_script;  // python/laser/powersgd_peer.py
  int threads = 1;          // that LibTorch and the kernels use, told to Python
};

struct Watch {
  std::function<void(double done, double total, const std::string& note)> progress;
  std::function<bool()> stop;
};

/// Runs the cases. Throws Error (interrupted) when `stop` says so, Error (configuration)
/// where `only` fits nothing.
Result run_cases(const BenchOptions& options, const Watch& watch);

}  // namespace laser::bench
