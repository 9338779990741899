// Part 1 of the verification: unbiasedness, noise energy and influence factors of the channel and the
// compressors, measured against spec 2.4, 3.3, 3.4 and 6.
#pragma once

#include <vector>

#include "laser/verify/schemes.hpp"
#include "laser/verify/tasks.hpp"

namespace laser::verify {

/// The measurements: one task each; `checks` is complete when all have run.
class ChannelChecks {
 public:
  ChannelChecks(std::uint64_t seed, SampleSize size) : subjects_(channel_subjects(seed)), size_(size) {}
  /// The tasks; the object must outlive them.
  [[nodiscard]] std::vector<Task> tasks();
  /// What was measured, in the order of the subjects.
  [[nodiscard]] std::vector<Check> checks() const;

 private:
  struct Slot {
    std::size_t subject = 0;
    double power = 0;
    ErrorMoments moments;
  };
  std::vector<MeasuredScheme> subjects_;
  SampleSize size_;
  std::vector<Slot> slots_;
};

/// The checks of one subject at one power: influence, its bound, gain, squared bias, energy.
[[nodiscard]] std::vector<Check> checks_of(const MeasuredScheme& subject, double power,
                                           const ErrorMoments& moments);

}  // namespace laser::verify
