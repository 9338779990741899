#include "laser/theory/delays.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <vector>

#include "../power/expect_error.hpp"

namespace laser::theory {
namespace {

using Reals = std::vector<double>;

/// Growth a round of the second moments of descent over the air, by iterating their recursion.
double growth(const Reals& curvatures, double step, double received) {
  Reals moments(curvatures.size(), 1.0);
  double last = 0;
  for (int t = 0; t < 4000; ++t) {
    double message = 0, sum = 0;
    for (std::size_t j = 0; j < moments.size(); ++j) message += curvatures[j] * curvatures[j] * moments[j];
    for (std::size_t j = 0; j < moments.size(); ++j) {
      moments[j] = std::pow(1 - step * curvatures[j], 2) * moments[j] + step * step * message / received;
      sum += moments[j];
    }
    for (double& moment : moments) moment /= sum;
    last = sum;
  }
  return last;
}

TEST(SelfExcitation, IsWhereTheSecondMomentsNeitherGrowNorFall) {
  for (const Reals& curvatures : {Reals{1, 0.5, 0.4}, Reals{2}, Reals{3, 3, 3, 1}}) {
    for (const double received : {0.1, 0.3, 5.0}) {
      const double step = largest_step(curvatures, received);
      EXPECT_NEAR(growth(curvatures, step, received), 1, 1e-9);
      EXPECT_LT(growth(curvatures, 0.99 * step, received), 1);
      EXPECT_GT(growth(curvatures, 1.01 * step, received), 1);
      EXPECT_NEAR(self_excitation(curvatures, step) / received, 1, 1e-9);
    }
  }
}

TEST(SelfExcitation, IsTheRuleOfTheTraceWhereStepsAreSmall) {
  const Reals curvatures{1, 0.5, 0.25};
  EXPECT_NEAR(largest_step(curvatures, 1e-6) / (2e-6 / 1.75), 1, 1e-5);
  EXPECT_NEAR(largest_step(curvatures, 1e9), 2, 1e-6);
  EXPECT_TRUE(std::isinf(self_excitation(curvatures, 2)));
}

/// Largest magnitude of the roots of z^3 + p z^2 + q z + r, by simultaneous iteration.
double spectral_radius(double p, double q, double r) {
  std::vector<std::complex<double>> roots{{0.4, 0.9}, {-0.3, 0.5}, {0.8, -0.7}};
  for (int i = 0; i < 2000; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      auto& z = roots[j];
      const auto others = (z - roots[(j + 1) % 3]) * (z - roots[(j + 2) % 3]);
      z -= (((z + p) * z + q) * z + r) / others;
    }
  }
  double largest = 0;
  for (const auto& root : roots) largest = std::max(largest, std::abs(root));
  return largest;
}

TEST(DelayThreshold, IsWhereARootLeavesTheUnitCircle) {
  for (const double first : {2.0, 20.0, 100.0}) {
    for (const double second : {1.5, 10.0, 100.0}) {
      for (const double lead : {0.0, 0.02, 0.3, 1.0}) {
        const double threshold = delay_threshold(first, second, lead);
        ASSERT_TRUE(std::isfinite(threshold));
        const double a = 1 / first, b = 1 / second, c = lead + (1 - lead) * a;
        const auto radius = [&](double x) {
          return spectral_radius(a + b - 3 + x * b * c, 3 - 2 * a - 2 * b + a * b + x * b * (a - c),
                                 -(1 - a) * (1 - b));
        };
        EXPECT_LT(radius(0.98 * threshold), 1) << first << " " << second << " " << lead;
        EXPECT_GT(radius(1.02 * threshold), 1) << first << " " << second << " " << lead;
      }
    }
  }
}

TEST(DelayThreshold, IsTheSumOfTheRatesWhereAveragesAreLong) {
  EXPECT_NEAR(delay_threshold(1e4, 3e3, 0) / (1e-4 + 1 / 3e3), 1, 2e-3);
  const double least = least_lead(1e4, 3e3);
  EXPECT_NEAR(delay_threshold(1e4, 3e3, 0.5 * least) / (2 * (1e-4 + 1 / 3e3)), 1, 5e-3);
  EXPECT_GT(delay_threshold(1e4, 3e3, least), 100);
}

TEST(Delays, RefuseWhatIsNone) {
  expect_error(
      [] {
        (void)self_excitation(Reals{1, -1}, 0.1);
      },
      ExitCode::kConfiguration, "the curvature is -1");
  expect_error([] { (void)self_excitation(Reals{0}, 0.1); }, ExitCode::kConfiguration, "nothing is trained");
  expect_error([] { (void)self_excitation(Reals{1}, 0); }, ExitCode::kConfiguration, "the step is 0");
  expect_error([] { (void)largest_step(Reals{1}, 0); }, ExitCode::kConfiguration, "the power k^2 P is 0");
  expect_error([] { (void)delay_threshold(0.5, 10, 0); }, ExitCode::kConfiguration,
               "an average is over 0.5 rounds");
  expect_error([] { (void)delay_threshold(10, 10, 1.5); }, ExitCode::kConfiguration, "the lead is 1.5");
  expect_error([] { (void)least_lead(10, NAN); }, ExitCode::kConfiguration, "an average is over nan rounds");
}

}  // namespace
}  // namespace laser::theory
