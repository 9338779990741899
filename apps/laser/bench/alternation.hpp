// Times of several ways to do the same thing, taken in alternation, on Google Benchmark.
//
// Machines change their speed from second to second; only a quotient of times taken side by side means
// something. The contenders' repetitions are interleaved at random, and medians are compared. What is timed
// is not known here.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace laser::bench {

/// One of the ways. `run` does it once and returns the seconds that it took.
struct Contender {
  std::string name;
  std::function<double()> run;
};

/// A contender that is timed by a clock around `work`.
Contender timed(std::string name, std::function<void()> work);

/// The repetitions of a contender: its seconds, ascending.
struct Timing {
  std::string name;
  std::vector<double> seconds;
  [[nodiscard]] double median() const;
  /// Half the distance between the quartiles, as a share of the median.
  [[nodiscard]] double spread() const;
};

/// Runs each contender `repetitions` times in random interleaving; warm them up before. Ends early with
/// Error (interrupted) once `stop` says so.
std::vector<Timing> alternate(const std::vector<Contender>& contenders, int repetitions,
                              const std::function<bool()>& stop);

}  // namespace laser::bench
