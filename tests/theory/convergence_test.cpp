#include "laser/theory/convergence.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "../power/expect_error.hpp"

namespace laser::theory {
namespace {

Problem example() {
  return {.smoothness = 2,
          .gradient_noise_factor = 0.5,
          .quasi_convexity = 0.1,
          .gradient_variance = 4,
          .compression_quality = 0.25,
          .influence = 0.01};
}

TEST(Convergence, StepAndAssumption) {
  EXPECT_DOUBLE_EQ(slowness(example()), 170);
  EXPECT_DOUBLE_EQ(largest_step(example()), 1 / 171.7);
  EXPECT_TRUE(assumption5_holds(example()));
  auto noisy = example();
  noisy.influence = 0.012;
  EXPECT_FALSE(assumption5_holds(noisy));
}

/// The non-convex bound B(gamma) = 12 [F0/(gamma (T+1)) + 1.5 gamma L sigma^2 Lam] at any step (spec 6).
double nonconvex_bound_at(const Problem& p, std::int64_t last_round, double gap, double step) {
  const double noise = 1.5 * p.smoothness * p.gradient_variance * (1 + p.influence);
  return 12 * (gap / (step * static_cast<double>(last_round + 1)) + step * noise);
}

TEST(Convergence, BestStepMinimisesAndTheClosedFormIsAbove) {
  for (const double variance : {0.0, 1e-3, 4.0, 1e4}) {
    for (const std::int64_t last : {0, 10, 1000, 1000000}) {
      auto problem = example();
      problem.gradient_variance = variance;
      const auto convex = convex_bound(problem, last, 9);
      const auto nonconvex = nonconvex_bound(problem, last, 3);
      EXPECT_LE(convex.value, convex.closed_form * (1 + 1e-14));
      EXPECT_LE(nonconvex.value, nonconvex.closed_form * (1 + 1e-14));
      EXPECT_NEAR(convex.value / convex_bound_at(problem, last, 9, convex.step), 1, 1e-14);
      EXPECT_NEAR(nonconvex.value / nonconvex_bound_at(problem, last, 3, nonconvex.step), 1, 1e-14);
      for (const double factor : {0.5, 0.9, 1.1}) {
        if (convex.step * factor <= largest_step(problem)) {
          EXPECT_GE(convex_bound_at(problem, last, 9, convex.step * factor), convex.value);
        }
        if (nonconvex.step * factor <= largest_step(problem)) {
          EXPECT_GE(nonconvex_bound_at(problem, last, 3, nonconvex.step * factor), nonconvex.value);
        }
      }
    }
  }
}

TEST(Convergence, ConvexBoundByHand) {
  // L = 1, M = 0, delta = 1, lambda = 0: tau = 20, step 1/20; B = 6 [8 * 20/10 + 2 * 0.5/20] with T + 1 = 10.
  const Problem problem{.smoothness = 1, .gradient_variance = 0.5};
  EXPECT_DOUBLE_EQ(convex_bound_at(problem, 9, 8, 0.05), 6 * (16 + 0.05));
}

TEST(Convergence, FallsAsOneOverTThenAsItsRoot) {
  const Problem problem{.smoothness = 1, .gradient_variance = 1};
  const auto quiet = Problem{.smoothness = 1, .gradient_variance = 0};
  EXPECT_NEAR(convex_bound(quiet, 999, 1).value / convex_bound(quiet, 9999, 1).value, 10, 1e-10);
  EXPECT_NEAR(convex_bound(problem, 99999999, 1).value / convex_bound(problem, 9999999999, 1).value, 10,
              1e-10);
  EXPECT_EQ(convex_bound(problem, 10, 0).value, 0);  // starts at the optimum: the best step is none
}

TEST(Convergence, QuasiConvexTermsUseTheProofsFactorTwo) {
  const auto terms = quasi_convex_terms(example(), 1000, 9);
  EXPECT_NEAR(terms.decay, 171.7 * 9 * std::exp(-100 / 343.4), 1e-9);
  EXPECT_NEAR(terms.variance, 4 * 1.01 / 100, 1e-15);
}

TEST(Convergence, QuasiConvexBoundTendsToTheConvexOne) {
  auto problem = example();
  const double step = largest_step(problem);
  const double convex = convex_bound_at(problem, 50, 9, step);
  problem.quasi_convexity = 1e-12;
  EXPECT_NEAR(quasi_convex_bound_at(problem, 50, 9, step) / convex, 1, 1e-9);
  problem.quasi_convexity = 0;
  EXPECT_EQ(quasi_convex_bound_at(problem, 50, 9, step), convex);
  problem.quasi_convexity = 0.5;
  double weight = 0;
  for (int t = 0; t <= 50; ++t) weight += std::pow(1 - 0.25 * step, -(t + 1));
  EXPECT_NEAR(quasi_convex_bound_at(problem, 50, 9, step), 6 * (9 / (step * weight) + 2 * step * 4 * 1.01),
              1e-9);
}

TEST(Convergence, UncompressedNoiseFitsTheSameStep) {
  // spec 6 (iv): 10 L (2 + M~) <= tau (1 + lambda) with delta = 1, for every lambda.
  for (const double influence : {0.0, 0.05, 1.0, 147.0}) {
    for (const double factor : {0.0, 0.5, 3.0}) {
      auto problem = example();
      problem.gradient_noise_factor = factor;
      problem = uncompressed_problem(problem, influence);
      const auto noise = uncompressed_noise(problem);
      EXPECT_DOUBLE_EQ(noise.factor, influence + (1 + influence) * factor);
      EXPECT_DOUBLE_EQ(noise.variance, (1 + influence) * 4);
      EXPECT_LE(10 * problem.smoothness * (2 + noise.factor),
                slowness(problem) * (1 + influence) * (1 + 1e-14));
    }
  }
}

TEST(Convergence, RefusesBadConstants) {
  const auto bad = ExitCode::kConfiguration;
  const auto with = [](auto change) {
    auto problem = example();
    change(problem);
    return [problem] { return slowness(problem); };
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect_error(with([](Problem& p) { p.smoothness = 0; }), bad, "smoothness L is 0");
  expect_error(with([](Problem& p) { p.gradient_noise_factor = -1; }), bad, "factor M is -1");
  expect_error(with([](Problem& p) { p.quasi_convexity = -1; }), bad, "mu is -1");
  expect_error(with([&](Problem& p) { p.gradient_variance = nan; }), bad, "sigma^2 is nan");
  expect_error(with([](Problem& p) { p.compression_quality = 1.5; }), bad, "delta is 1.5");
  expect_error(with([](Problem& p) { p.influence = -0.1; }), bad, "lambda is -0.1");
  expect_error([] { return convex_bound(example(), -1, 1); }, bad, "last round T is -1");
  expect_error([] { return convex_bound(example(), 1, -1); }, bad, "squared distance R0 is -1");
  expect_error([] { return nonconvex_bound(example(), 1, -1); }, bad, "gap F0 is -1");
  expect_error([] { return convex_bound_at(example(), 1, 1, 1); }, bad, "step size 1 is above the largest");
  expect_error([] { return quasi_convex_terms(example(), 0, 1); }, bad, "rounds T is 0");
  expect_error([] { return quasi_convex_terms({.quasi_convexity = 0}, 1, 1); }, bad, "mu is 0");
}

TEST(Compare, RoundsAreWhereTheClosedFormsMeet) {
  const Problem slow{.gradient_variance = 4, .compression_quality = 0.25, .influence = 0.01};
  const auto fast = uncompressed_problem(slow, 1.5);
  constexpr double kDistance = 7;
  const auto result = compare(slow, fast, kDistance);
  EXPECT_DOUBLE_EQ(result.early, slowness(fast) * 2.5 / (slowness(slow) * 1.01));
  EXPECT_DOUBLE_EQ(result.late, std::sqrt(2.5 / 1.01));
  ASSERT_GT(result.rounds, 10);
  const auto bounds = [&](double factor) {
    const auto last = static_cast<std::int64_t>(std::llround(factor * result.rounds)) - 1;
    return std::pair{convex_bound(slow, last, kDistance).closed_form,
                     convex_bound(fast, last, kDistance).closed_form};
  };
  EXPECT_GT(bounds(0.8).first, bounds(0.8).second);
  EXPECT_LT(bounds(1.25).first, bounds(1.25).second);
}

TEST(Compare, WhoIsBetterInBothIsBetterAtOnceOrNever) {
  const Problem quiet{.gradient_variance = 1, .compression_quality = 1, .influence = 0.01};
  const auto loud = uncompressed_problem(quiet, 3);
  EXPECT_EQ(compare(quiet, loud, 1).rounds, 1);
  EXPECT_TRUE(std::isinf(compare(loud, quiet, 1).rounds));
  EXPECT_TRUE(std::isinf(compare(quiet, quiet, 1).rounds)) << "equal bounds: never the smaller one";
  // Behind once noise dominates: ahead at the start does not count.
  const Problem early{.gradient_variance = 1, .compression_quality = 1, .influence = 0.05};
  const Problem late{.gradient_variance = 1, .compression_quality = 0.1, .influence = 0};
  EXPECT_GT(compare(early, late, 1).early, 1);
  EXPECT_TRUE(std::isinf(compare(early, late, 1).rounds));
  // Without gradient noise only the start counts.
  const Problem still{.compression_quality = 0.5, .influence = 0.01};
  EXPECT_TRUE(std::isinf(compare(still, uncompressed_problem(still, 0.1), 1).rounds));
  EXPECT_EQ(compare(uncompressed_problem(still, 0.1), still, 1).rounds, 1);
  expect_error([&] { return compare(quiet, loud, -1); }, ExitCode::kConfiguration,
               "squared distance R0 is -1");
}

}  // namespace
}  // namespace laser::theory
