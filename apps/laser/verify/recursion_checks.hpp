// Part 2 of the verification: Algorithm 1 with k workers and relative gradient noise against the
// exact recursion of its second moments, and controls: the same comparison with something put
// wrong, which must fail.
//
// A mean over many rounds of many runs is compared, so that 1 + lambda is known to a few parts in a thousand:
// what is wrong by one per cent is seen.
#pragma once

#include <vector>

#include "laser/verify/check.hpp"
#include "laser/verify/quadratic.hpp"
#include "laser/verify/tasks.hpp"

namespace laser::verify {

/// All subjects: Z-SGD, LASER and Random-K with k = 1, 2, 4 and 16 workers.
[[nodiscard]] std::vector<QuadraticSubject> recursion_subjects(std::int64_t rounds);

/// A comparison that must fail: `truth` is simulated, `claimed` predicted.
struct Control {
  std::string name;  // what was put wrong
  QuadraticSubject truth, claimed;
};

/// The controls of the recursion, each on a method and number of workers that it concerns.
[[nodiscard]] std::vector<Control> recursion_controls(std::int64_t rounds);

/// What a control's comparison gave.
struct ControlResult {
  std::string name, subject;
  std::int64_t checks = 0, failed = 0;  // of the comparison
  Check worst;                          // the check that is furthest off
  [[nodiscard]] bool caught() const { return failed > 0; }
};

/// A measured trajectory beside its expectation, for the figure.
struct MomentCurve {
  std::string subject;
  std::int64_t workers = 1;
  double influence = 0, gradient_noise_factor = 0;
  std::vector<std::int64_t> rounds;  // t
  std::vector<Estimate> measured;    // E ||x_t - e_t||^2
  std::vector<double> expected;
};

/// How much is run.
struct RecursionSize {
  std::int64_t rounds = 512;  // T of a run
  std::int64_t runs = 96;     // independent runs of a subject
  std::int64_t control_runs = 16;
  double resolution = 0.01;  // what 5 standard errors of 1 + lambda may be, relative
};

class RecursionChecks {
 public:
  RecursionChecks(std::uint64_t seed, RecursionSize size);
  /// A few tasks a subject; the object must outlive them.
  [[nodiscard]] std::vector<Task> tasks();
  /// After all tasks.
  [[nodiscard]] std::vector<Check> checks() const;
  [[nodiscard]] std::vector<ControlResult> controls() const;
  [[nodiscard]] std::vector<MomentCurve> curves() const;
  /// Independent rounds behind each number.
  [[nodiscard]] std::int64_t samples() const { return size_.rounds * size_.runs; }

 private:
  struct Entry {
    QuadraticSubject truth, claimed;
    std::vector<Trajectory> runs;
  };
  std::vector<Task> tasks_of(Entry& entry, std::uint32_t index) const;

  std::uint64_t seed_;
  RecursionSize size_;
  std::vector<Entry> subjects_, control_entries_;
  std::vector<Control> controls_;
};

/// The checks of one subject from its runs: 1 + lambda first, then distance, gap and memories.
[[nodiscard]] std::vector<Check> recursion_checks_of(const QuadraticSubject& claimed,
                                                     const std::vector<Trajectory>& runs);

/// How finely the first of them is resolved: kFailing standard errors over its value, at most `resolution`.
[[nodiscard]] Check resolution_check(const Check& one_plus_lambda, double resolution);

/// The 1 + lambda at which the recursion gives this mean distance, found on the recursion itself; with the
/// standard error that follows from that of the distance.
[[nodiscard]] Estimate one_plus_influence(const QuadraticSubject& subject, const Estimate& distance);

}  // namespace laser::verify
