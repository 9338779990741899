#include "laser/verify/findings.hpp"

#include <functional>

namespace laser::verify {

std::vector<Task> Findings::tasks() {
  using Make = std::function<Finding()>;
  const auto seed = seed_;
  const auto rounds = rounds_;
  const std::vector<std::pair<double, Make>> makers{
      {3.0 * static_cast<double>(rounds), [=] { return factor_bound_for_tall_matrices(seed, rounds); }},
      {1, [] { return closed_form_of_alpha(); }},
      {3.0 * static_cast<double>(rounds), [=] { return rank_allocation_at_low_power(seed, rounds); }},
      {2.0 * static_cast<double>(rounds), [=] { return terms_that_cancel(seed, rounds); }},
      {200, [=] { return squared_gap(seed); }},
      {10000, [=] { return exponent_of_the_decay(seed); }},
      {50, [=] { return product_of_averages(seed); }},
  };
  findings_.assign(makers.size(), {});
  std::vector<Task> tasks;
  for (std::size_t i = 0; i < makers.size(); ++i) {
    tasks.push_back(
        {makers[i].first, "corrections", [this, i, make = makers[i].second] { findings_[i] = make(); }});
  }
  return tasks;
}

std::vector<Check> Findings::checks() const {
  std::vector<Check> checks;
  for (const auto& finding : findings_) {
    for (auto check : finding.checks) {
      check.group = "corrections";
      checks.push_back(check);
    }
  }
  return checks;
}

}  // namespace laser::verify
