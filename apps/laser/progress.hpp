// One progress line with rate and ETA, on stderr: redrawn in place on a terminal that can, a plain
// line an interval elsewhere.
#pragma once

#include <chrono>
#include <mutex>
#include <string>

namespace laser {

class ProgressLine {
 public:
  /// `label` begins the line; `quiet` shows nothing.
  ProgressLine(std::string label, bool quiet);
  ~ProgressLine();
  /// `done` of `total` units of equal work (fractions count), with a note at the end
  /// of the line. Thread-safe.
  void show(double done, double total, const std::string& note);
  /// Clears the line, so that other text can be printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_ = Clock::now();
  Clock::time_point first_time_;  // when it was first told, and how much was done
  double first_ = -1;
  std::mutex mutex_;
};

/// "1:05" or "2:03:04".
std::string duration_text(double seconds);

}  // namespace laser
