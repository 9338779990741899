// Part 2 of the verification: Algorithm 1 on three test functions against the bounds of Theorem 1, over the
// number of rounds and over the signal-to-noise ratio.
//
// Over T every run uses the constant step that makes the theorem's bound least; over the SNR all methods
// share one step, so that only the channel differs. delta_r: with a fresh random basis the expected quality
// is at least r/n for every message (||P^T M|| >= ||M Q|| and E ||M Q||^2 = (r/n) ||M||^2), so the theorem's
// premise is guaranteed; with bases carried over it is what was seen: a smallest measured quality below r/n
// puts the point outside the theorem. So does a lambda above Assumption 5: no bound is claimed there.
#pragma once

#include <optional>
#include <vector>

#include "laser/theory/convergence.hpp"
#include "laser/verify/check.hpp"
#include "laser/verify/descent.hpp"
#include "laser/verify/tasks.hpp"

namespace laser::verify {

/// How much is run.
struct StudySize {
  std::vector<std::int64_t> rounds;  // T of the sweep over T, at SNR kStudySnr
  std::vector<double> snrs;          // of the sweep over SNR
  std::int64_t snr_rounds = 2048;    // T of the sweep over SNR
  std::int64_t repetitions = 3;      // independent runs a point
};

inline constexpr double kStudySnr = 100;           // of the sweep over T: Assumption 5 holds
inline constexpr std::int64_t kStudyRows = 48;     // m
inline constexpr std::int64_t kStudyColumns = 32;  // n
inline constexpr std::int64_t kStudyRank = 4;      // r
inline constexpr double kEntryDeviation = 2;       // of the gradient noise per entry; gradients are about 1

/// One place of a curve.
struct StudyPoint {
  Case kind = Case::kConvex;
  Method method = Method::kFresh;
  bool over_rounds = true;  // else over the SNR
  std::int64_t last_round = 0;
  double snr = 0;
  double influence = 0;  // lambda that the theory uses: exact for Z-SGD, Lemma 10 for LASER
  bool covered = false;  // Theorem 1 applies
  double step = 0;
  bool noise_limited = false;  // the step is below the largest of the theorem
  bool settled = false;        // long enough that the start no longer shapes the curve
  double bound = 0;            // of the theorem; meaningless unless covered
  std::vector<double> values;  // one a run: E f(out) - f*, in the non-convex case E ||grad f(out)||^2
  Estimate measured;
  double measured_influence = 0;  // mean over the diagnosed rounds
  double least_quality = 1;       // smallest measured delta
  double mean_quality = 0;
  bool diverged = false;
};

/// Log-log slope over T of a curve and of its bound, where the noise limits the step and runs are settled.
struct Slope {
  Case kind = Case::kConvex;
  Method method = Method::kFresh;
  Estimate measured;
  double of_bound = 0;
  std::int64_t points = 0;
};

/// The problem of Theorem 1 for a method on a test function with gradient noise `variance` at `power`.
[[nodiscard]] theory::Problem study_problem(const Objective& objective, Method method, double power,
                                            std::int64_t rank, double variance);

/// The theorem's bound at its best step.
[[nodiscard]] theory::Bound study_bound(const Objective& objective, const theory::Problem& problem,
                                        std::int64_t last_round);

class ConvergenceStudy {
 public:
  ConvergenceStudy(std::uint64_t seed, StudySize size);
  /// One task a run; the object must outlive them.
  [[nodiscard]] std::vector<Task> tasks();
  /// After all tasks: puts the runs together.
  void finish();
  [[nodiscard]] const std::vector<StudyPoint>& points() const { return points_; }
  [[nodiscard]] const std::vector<Slope>& slopes() const { return slopes_; }
  /// Bounds never violated, slopes as predicted, premises held.
  [[nodiscard]] std::vector<Check> checks() const;

 private:
  void add_point(Case kind, Method method, bool over_rounds, std::int64_t last_round, double snr);
  void add_slopes();
  void add_premises(std::vector<Check>& checks) const;

  std::uint64_t seed_;
  StudySize size_;
  std::vector<Objective> objectives_;
  std::vector<StudyPoint> points_;
  std::vector<std::vector<DescentResult>> runs_;  // [point][repetition]
  std::vector<Slope> slopes_;
};

/// The check of one covered point: measured at most the bound, with no allowance for chance.
[[nodiscard]] Check bound_check(const StudyPoint& point);

}  // namespace laser::verify
