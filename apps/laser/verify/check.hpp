// One comparison of a measured number with what a formula says about it, and its verdict.
//
// Measured numbers are means over independent draws and come with a standard error; numbers that are computed
// exactly have the standard error 0. This is the only place that decides what "holds" means.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace laser::verify {

/// A mean over independent draws and its standard error.
struct Estimate {
  double value = 0;
  double standard_error = 0;
};

/// Sample mean and its standard error (sample standard deviation, divisor n - 1, over sqrt(n)); needs two
/// values or more.
[[nodiscard]] Estimate mean_of(std::span<const double> values);

/// What a formula claims about a measured number.
enum class Claim { kEqual, kAtMost, kAtLeast };

/// "equal", "at most" or "at least".
[[nodiscard]] std::string_view claim_name(Claim claim);

/// Beyond this many standard errors a deviation is worth a look: about 1 correct comparison in 370 is.
inline constexpr double kRemarkable = 3;

/// Beyond this many standard errors a comparison fails. A correct one does so with probability 6e-7 (normal)
/// to 5e-6 (mean of 64 batches), so that a hundred of them pass with any seed but one in two thousand.
inline constexpr double kFailing = 5;

/// A measured number beside its formula.
struct Check {
  std::string group;    // which part of the verification it belongs to
  std::string subject;  // what was run
  std::string quantity;
  std::string source;  // equation, lemma or section of the formula
  Claim claim = Claim::kEqual;
  Estimate measured;
  double expected = 0;       // what the formula says
  double tolerance = 0;      // allowed beside the statistical error: rounding, or what a slope may be off
  std::int64_t samples = 0;  // independent draws behind the measured number
  double power = 0;          // 0 where none belongs to it
  bool plain_ratio = false;  // measured / expected belongs in the figure of ratios

  /// Signed distance from the formula in standard errors; 0 where nothing is random.
  [[nodiscard]] double score() const;
  /// Whether the claim holds within kFailing standard errors and the tolerance. Never for NaN.
  [[nodiscard]] bool holds() const;
  /// Whether it holds within kRemarkable standard errors and the tolerance.
  [[nodiscard]] bool holds_closely() const;
};

/// A claim of equality in one group of the verification.
[[nodiscard]] Check equality(const std::string& group, const std::string& subject,
                             const std::string& quantity, const std::string& source, Estimate measured,
                             double expected, std::int64_t samples);

/// The checks that do not hold.
[[nodiscard]] std::vector<Check> failures(std::span<const Check> checks);

}  // namespace laser::verify
