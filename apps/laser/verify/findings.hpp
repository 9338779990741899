// Part 3 of the verification: where the paper's statement fails as printed (spec 8) and the corrected one
// holds, each by numbers from the code.
//
// The formulas "as printed" live here and only here: the library computes with the corrected ones.
#pragma once

#include <string>
#include <vector>

#include "laser/verify/check.hpp"
#include "laser/verify/tasks.hpp"

namespace laser::verify {

/// One statement of the paper, what is wrong with it, and the numbers that show it.
struct Finding {
  std::string title;
  std::string source;       // paragraph of spec 8 and place in the paper
  std::string explanation;  // one or two sentences
  std::vector<std::string> columns;
  std::vector<std::vector<double>> rows;
  std::vector<Check> checks;  // the printed statement fails (claim "at least"), the corrected one holds
};

/// The counter-examples: one task each.
class Findings {
 public:
  /// `rounds` is the sample size of those that use the channel.
  Findings(std::uint64_t seed, std::int64_t rounds) : seed_(seed), rounds_(rounds) {}
  /// The tasks; the object must outlive them.
  [[nodiscard]] std::vector<Task> tasks();
  /// In the order of spec 8.
  [[nodiscard]] const std::vector<Finding>& all() const { return findings_; }
  [[nodiscard]] std::vector<Check> checks() const;

 private:
  std::uint64_t seed_;
  std::int64_t rounds_;
  std::vector<Finding> findings_;
};

// The single findings; those with `rounds` average over so many uses of the channel.
[[nodiscard]] Finding factor_bound_for_tall_matrices(std::uint64_t seed, std::int64_t rounds);
[[nodiscard]] Finding closed_form_of_alpha();
[[nodiscard]] Finding rank_allocation_at_low_power(std::uint64_t seed, std::int64_t rounds);
[[nodiscard]] Finding terms_that_cancel(std::uint64_t seed, std::int64_t rounds);
[[nodiscard]] Finding squared_gap(std::uint64_t seed);
[[nodiscard]] Finding exponent_of_the_decay(std::uint64_t seed);
[[nodiscard]] Finding product_of_averages(std::uint64_t seed);

/// Lemma 7's alpha* as the paper prints it, in double: P sqrt(1+P/n) (sqrt(1+P/m) - sqrt(1+P/n)) / (P/m -
/// P/n); NaN at m = n.
[[nodiscard]] double printed_alpha(std::int64_t m, std::int64_t n, double power);

}  // namespace laser::verify
