// The channels beside the paper's, one block at a time: what the receiver is left with against the formulas
// of theory/channel_noise.hpp, each draw of the gains with its own.
//
// The noise of a draw is counted in units of what the formula says for its gains, so that a mean exists where
// that of the noise itself does not (csit: E 1/|h|^2 is infinite).
#pragma once

#include <string>
#include <vector>

#include "laser/verify/check.hpp"
#include "laser/verify/tasks.hpp"

namespace laser::verify {

class LinkChecks {
 public:
  LinkChecks(std::uint64_t seed, std::int64_t draws);
  /// One task a channel; the object must outlive them.
  [[nodiscard]] std::vector<Task> tasks();
  /// After all tasks: error energy over the formula, worst mean error of a symbol, and
  /// what each worker spent.
  [[nodiscard]] std::vector<Check> checks() const;

 private:
  std::uint64_t seed_;
  std::int64_t draws_;
  std::vector<std::vector<Check>> results_;
};

}  // namespace laser::verify
