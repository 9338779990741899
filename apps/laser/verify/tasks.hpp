// Independent pieces of work on a few threads, with one progress callback.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace laser::verify {

/// One piece of work; `run` writes only to what belongs to it.
struct Task {
  double cost = 1;  // in rounds of the channel, about
  std::string note;
  std::function<void()> run;
};

/// How the work is watched; either may be empty.
struct Watch {
  std::function<void(double done, double total, const std::string& note)> progress;  // thread-safe
  std::function<bool()> stop;  // true: begin no further task
};

/// Runs all tasks, the dearest first, on `threads` threads (0: as many as cores). Rethrows the first
/// exception; returns false if it was stopped before the last task began.
bool run_tasks(std::vector<Task> tasks, std::int64_t threads, const Watch& watch);

}  // namespace laser::verify
