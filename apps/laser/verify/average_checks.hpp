// T1, T3 and T4 of docs/swept.md against real rounds: the mean square of a run whose noise follows its
// messages, the step at which two averages stop being stable, and the noise that sending differences leaves.
#pragma once

#include <vector>

#include "laser/verify/check.hpp"
#include "laser/verify/tasks.hpp"

namespace laser::verify {

class AverageChecks {
 public:
  /// `runs` independent runs of the first; the last has as many rounds.
  AverageChecks(std::uint64_t seed, std::int64_t runs) : seed_(seed), runs_(runs) {}
  /// One task a check; the object must outlive them.
  [[nodiscard]] std::vector<Task> tasks();
  /// After all tasks.
  [[nodiscard]] const std::vector<Check>& checks() const { return checks_; }

 private:
  std::uint64_t seed_;
  std::int64_t runs_;
  std::vector<Check> checks_;
};

}  // namespace laser::verify
