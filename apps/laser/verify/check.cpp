#include "laser/verify/check.hpp"

#include <cmath>

#include "laser/core/fail.hpp"

namespace laser::verify {
namespace {

bool holds_within(const Check& check, double standard_errors) {
  const double difference = check.measured.value - check.expected;
  const double excess = check.claim == Claim::kEqual    ? std::abs(difference)
                        : check.claim == Claim::kAtMost ? difference
                                                        : -difference;
  return excess <= standard_errors * check.measured.standard_error + check.tolerance;
}

}  // namespace

Estimate mean_of(std::span<const double> values) {
  LASER_CHECK(values.size() >= 2);
  const auto count = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / count;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / (count - 1) / count)};
}

std::string_view claim_name(Claim claim) {
  return claim == Claim::kEqual ? "equal" : claim == Claim::kAtMost ? "at most" : "at least";
}

Check equality(const std::string& group, const std::string& subject, const std::string& quantity,
               const std::string& source, Estimate measured, double expected, std::int64_t samples) {
  Check check;
  check.group = group;
  check.subject = subject;
  check.quantity = quantity;
  check.source = source;
  check.measured = measured;
  check.expected = expected;
  check.samples = samples;
  return check;
}

double Check::score() const {
  return measured.standard_error > 0 ? (measured.value - expected) / measured.standard_error : 0.0;
}

bool Check::holds() const { return holds_within(*this, kFailing); }

bool Check::holds_closely() const { return holds_within(*this, kRemarkable); }

std::vector<Check> failures(std::span<const Check> checks) {
  std::vector<Check> failed;
  for (const auto& check : checks) {
    if (!check.holds()) failed.push_back(check);
  }
  return failed;
}

}  // namespace laser::verify
