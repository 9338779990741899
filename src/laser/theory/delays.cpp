#include "laser/theory/delays.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "laser/core/fail.hpp"

namespace laser::theory {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void require_curvatures(std::span<const double> curvatures) {
  bool some = false;
  for (const double h : curvatures) {
    if (!(std::isfinite(h) && h >= 0))
      fail(ExitCode::kConfiguration, "the curvature is {}: it must be finite, 0 or above", h);
    some = some || h > 0;
  }
  if (!some) fail(ExitCode::kConfiguration, "no curvature is above 0: nothing is trained");
}

void require_averages(double first, double second) {
  for (const double rounds : {first, second}) {
    if (!(std::isfinite(rounds) && rounds >= 1))
      fail(ExitCode::kConfiguration, "an average is over {} rounds: it must be 1 or more", rounds);
  }
}

/// Where constant + slope x, above 0 at 0, ends to be so; infinite where it never does.
double end_of(double constant, double slope) { return slope < 0 ? -constant / slope : kInfinity; }

}  // namespace

double self_excitation(std::span<const double> curvatures, double step) {
  require_curvatures(curvatures);
  if (!(std::isfinite(step) && step > 0))
    fail(ExitCode::kConfiguration, "the step is {}: it must be above 0", step);
  double sum = 0;
  for (const double h : curvatures) {
    if (step * h >= 2) return kInfinity;
    sum += step * h / (2 - step * h);
  }
  return sum;
}

double largest_step(std::span<const double> curvatures, double received) {
  require_curvatures(curvatures);
  if (!(std::isfinite(received) && received > 0))
    fail(ExitCode::kConfiguration, "the power k^2 P is {}: it must be above 0", received);
  double low = 0, high = 2 / *std::ranges::max_element(curvatures);
  for (int i = 0; i < 200 && low < high; ++i) {  // until the two are neighbours
    const double middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) break;
    (self_excitation(curvatures, middle) < received ? low : high) = middle;
  }
  return low;
}

double delay_threshold(double first, double second, double lead) {
  require_averages(first, second);
  if (!(lead >= 0 && lead <= 1))
    fail(ExitCode::kConfiguration, "the lead is {}: it must be from 0 to 1", lead);
  const double a = 1 / first, b = 1 / second, c = lead + (1 - lead) * a;
  // (z - 1)(z - 1 + a)(z - 1 + b) + x b z (a + c (z - 1)) = z^3 + p z^2 + q z + r with x = step h: all roots
  // are inside the unit circle iff 1 + p + q + r > 0, which x a b > 0 is, and the three below (Jury). Each is
  // positive at small x; the first that ends is where stability does.
  const std::array<double, 2> p{a + b - 3, b * c}, q{3 - 2 * a - 2 * b + a * b, b * (a - c)};
  const double r = -(1 - a) * (1 - b);
  double threshold = end_of(1 - p[0] + q[0] - r, q[1] - p[1]);
  for (const double sign : {1.0, -1.0}) {  // 1 - r^2 > |q - p r|
    threshold = std::min(threshold, end_of(1 - r * r - sign * (q[0] - p[0] * r), -sign * (q[1] - p[1] * r)));
  }
  return threshold < 1e6 ? threshold : kInfinity;
}

double least_lead(double first, double second) {
  require_averages(first, second);
  return second / (first + second);
}

}  // namespace laser::theory
