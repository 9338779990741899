// The whole of `laser theory verify`: formulas against the real channel, compressor and aggregation code, the
// bounds of Theorem 1 against runs of Algorithm 1, and the paper's misprints against both.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "laser/verify/check.hpp"
#include "laser/verify/convergence_study.hpp"
#include "laser/verify/findings.hpp"

namespace laser::verify {

/// The seed for which docs/theory.md shows the numbers: all statistical checks lie within 3 standard errors.
inline constexpr std::uint64_t kDefaultSeed = 1;

struct VerificationOptions {
  std::uint64_t seed = kDefaultSeed;
  bool quick = false;        // fewer draws, shorter and fewer runs: seconds instead of minutes
  std::int64_t threads = 0;  // 0: as many as cores
};

/// Everything that was measured.
struct Verification {
  VerificationOptions options;
  std::int64_t channel_rounds = 0;  // sample size of part 1
  std::vector<Check> checks;        // all parts, in order
  std::vector<StudyPoint> points;
  std::vector<Slope> slopes;
  std::vector<Finding> findings;
  double seconds = 0;
  [[nodiscard]] bool holds() const;
};

/// Runs all parts. Throws Error (interrupted) if `watch.stop` asked for it.
[[nodiscard]] Verification run_verification(const VerificationOptions& options, const Watch& watch);

/// The text of verify.json: options, checks, curves, slopes, findings; numbers that are not finite are null.
[[nodiscard]] std::string to_json(const Verification& verification);

}  // namespace laser::verify
