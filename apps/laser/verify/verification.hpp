// The whole of `laser theory verify`: formulas against the real channel, compressor and aggregation code,
// Algorithm 1 against the exact recursion of its second moments, the lemmas along real runs, the paper's
// misprints, and controls in which something is wrong and which must fail.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "laser/verify/check.hpp"
#include "laser/verify/findings.hpp"
#include "laser/verify/lemma_checks.hpp"
#include "laser/verify/recursion_checks.hpp"
#include "laser/verify/theorem.hpp"

namespace laser::verify {

/// The seed for which docs/theory.md shows the numbers.
inline constexpr std::uint64_t kDefaultSeed = 1;

struct VerificationOptions {
  std::uint64_t seed = kDefaultSeed;
  bool quick = false;        // fewer draws, shorter and fewer runs: seconds instead of a minute
  std::int64_t threads = 0;  // 0: as many as cores
};

/// Everything that was measured.
struct Verification {
  VerificationOptions options;
  std::int64_t channel_rounds = 0;    // sample size of the channel part
  std::int64_t recursion_rounds = 0;  // and of the recursion, over all runs of a subject
  std::vector<Check> checks;          // all parts, in order
  std::vector<ControlResult> controls;
  std::vector<MomentCurve> curves;
  std::vector<LemmaRow> lemmas;
  std::vector<TheoremRow> theorem;
  std::vector<Finding> findings;
  double seconds = 0;
  /// Every check holds and every control was caught.
  [[nodiscard]] bool holds() const;
};

/// The controls that were not caught: mistakes that the verification did not see.
[[nodiscard]] std::vector<ControlResult> missed(const std::vector<ControlResult>& controls);

/// Runs all parts. Throws Error (interrupted) if `watch.stop` asked for it.
[[nodiscard]] Verification run_verification(const VerificationOptions& options, const Watch& watch);

/// The text of verify.json: options, checks, controls, curves, both sides of the lemmas and of Theorem 1,
/// findings; numbers that are not finite are null.
[[nodiscard]] std::string to_json(const Verification& verification);

}  // namespace laser::verify
