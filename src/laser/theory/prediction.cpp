#include "laser/theory/prediction.hpp"

#include <cmath>
#include <limits>

#include "laser/core/fail.hpp"

namespace laser::theory {
namespace {

void require(const char* name, double value, double most) {
  if (std::isfinite(value) && value >= 0 && value <= most) return;
  fail(ExitCode::kConfiguration, "{} is {}: it must be a number of 0 or more{}", name, value,
       std::isinf(most) ? "" : ", at most 1");
}

constexpr double kAny = std::numeric_limits<double>::infinity();

}  // namespace

double predicted_noise(double lambda, double rho, double held_noise, double fresh) {
  require("lambda", lambda, kAny);
  require("rho", rho, 1);
  require("the noise that is held", held_noise, kAny);
  require("the fresh share", fresh, 1);
  return lambda * (fresh + (1 - fresh) * (1 - rho) * (1 - rho) + rho * rho * held_noise);
}

double settled_noise(double lambda, double rho, double fresh) {
  const double first = predicted_noise(lambda, rho, 0, fresh);
  const double kept = lambda * rho * rho;
  return kept < 1 ? first / (1 - kept) : kAny;
}

double matched_noise(double lambda, double fresh) {
  require("lambda", lambda, kAny);
  require("the fresh share", fresh, 1);
  // With s = 1 - fresh: lambda' = lambda (fresh + s lambda'/(s + lambda')), the least over rho.
  const double s = 1 - fresh, half = 0.5 * (lambda - s);
  return half + std::sqrt(half * half + lambda * fresh * s);
}

}  // namespace laser::theory
