// Part 3 of the verification: Lemmas 1 to 6 and 11 to 13 along real runs and in single rounds that are
// repeated, both sides printed.
//
// An inequality that holds proves little, so what it rests on is measured as an equality beside it: the
// second moment of the step that the virtual iterate makes, which holds the (1 + lambda) of Lemmas 11 and 13,
// and the energy of the memory, which holds the (1 - delta) of Lemma 12. And where a lemma's condition is
// broken the lemma must fail.
#pragma once

#include <string>
#include <vector>

#include "laser/theory/lemmas.hpp"
#include "laser/verify/check.hpp"
#include "laser/verify/lemma_runs.hpp"
#include "laser/verify/recursion_checks.hpp"
#include "laser/verify/tasks.hpp"

namespace laser::verify {

/// Both sides of an inequality.
struct LemmaRow {
  std::string lemma, subject, place;
  Estimate left;  // the standard error is that of left - right
  double right = 0;
};

/// How much is run.
struct LemmaSize {
  std::int64_t rounds = 200;  // T
  std::int64_t runs = 64;     // of a function and channel
  std::int64_t draws = 8192;  // of a repeated round
};

class LemmaChecks {
 public:
  LemmaChecks(std::uint64_t seed, LemmaSize size);
  /// The object must outlive them.
  [[nodiscard]] std::vector<Task> tasks();
  /// After all tasks.
  [[nodiscard]] std::vector<Check> checks() const;
  [[nodiscard]] std::vector<ControlResult> controls() const;
  [[nodiscard]] std::vector<LemmaRow> rows() const;

 private:
  struct Runs {  // along whole runs
    LemmaSetting setting;
    std::vector<LemmaTrace> traces;
  };
  struct Steps {           // one round repeated
    LemmaSetting setting;  // what the lemma is told
    LemmaSetting truth;    // what is run
    std::string wrong;     // of a control
    std::int64_t t = 0;
    StepMoments moments;
  };

  std::uint64_t seed_;
  LemmaSize size_;
  std::vector<Runs> runs_;
  std::vector<Steps> steps_;
};

/// The inequalities of one setting along its runs, each at the round where left over right is largest.
[[nodiscard]] std::vector<LemmaRow> rows_along_runs(const LemmaSetting& setting,
                                                    const std::vector<LemmaTrace>& traces);

/// Lemmas 11 to 13 (1, 2, 4 without channel noise) for one repeated round; 12 only in round 0, where the
/// history is known without a mean over runs.
[[nodiscard]] std::vector<LemmaRow> rows_of_step(const LemmaSetting& setting, std::int64_t t,
                                                 const StepMoments& moments);

/// "at most" of both sides.
[[nodiscard]] Check lemma_check(const LemmaRow& row, std::int64_t samples);

}  // namespace laser::verify
