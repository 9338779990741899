// The test functions have the constants that they claim, and Algorithm 1 on them is what a few lines of plain
// gradient descent give where there is no noise.
#include "laser/verify/descent.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "laser/core/error.hpp"
#include "laser/core/random.hpp"
#include "laser/verify/convergence_study.hpp"

namespace laser::verify {
namespace {

constexpr Case kCases[] = {Case::kQuasiConvex, Case::kConvex, Case::kNonConvex};
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<double> random_point(std::uint32_t index, std::size_t size, double reach) {
  std::vector<double> x(size);
  for (std::size_t j = 0; j < size; ++j)
    x[j] = reach * (2 * random_uniform({11, Purpose::kTest, index, 0, 0}, j) - 1);
  return x;
}

TEST(Objective, GradientIsTheDerivative) {
  for (const auto kind : kCases) {
    const Objective objective(kind, 4, 5, 0.7);
    auto x = random_point(1, 20, 3);
    std::vector<double> gradient(20), ignored(20);
    const auto at_x = objective.evaluate(x, gradient);
    double squares = 0;
    for (std::size_t j = 0; j < x.size(); ++j) {
      constexpr double kStep = 1e-5;
      const double here = x[j];
      x[j] = here + kStep;
      const double above = objective.evaluate(x, ignored).value;
      x[j] = here - kStep;
      const double below = objective.evaluate(x, ignored).value;
      x[j] = here;
      EXPECT_NEAR(gradient[j], (above - below) / (2 * kStep), 1e-8) << case_name(kind);
      squares += gradient[j] * gradient[j];
    }
    EXPECT_NEAR(at_x.squared_gradient, squares, 1e-12);
  }
}

TEST(Objective, SmoothnessIsTightAndQuasiConvexityHolds) {
  for (const auto kind : kCases) {
    const Objective objective(kind, 1, 1, 2);
    double steepest = 0;
    std::vector<double> low(1), high(1);
    for (double u = -5; u < 5; u += 1e-3) {
      (void)objective.evaluate(std::vector<double>{u}, low);
      (void)objective.evaluate(std::vector<double>{u + 1e-3}, high);
      steepest = std::max(steepest, std::abs(high[0] - low[0]) / 1e-3);
    }
    EXPECT_LE(steepest, objective.smoothness() * (1 + 1e-9)) << case_name(kind);
    EXPECT_GE(steepest, objective.smoothness() * 0.999) << case_name(kind);
  }
  const Objective objective(Case::kQuasiConvex, 4, 8);
  for (std::uint32_t i = 0; i < 20; ++i) {
    const auto x = random_point(i, 32, 4);
    std::vector<double> gradient(32);
    const auto at_x = objective.evaluate(x, gradient);
    double inner = 0, distance = 0;
    for (std::size_t j = 0; j < x.size(); ++j) {
      inner += gradient[j] * x[j];
      distance += x[j] * x[j];
    }
    EXPECT_LE(at_x.value + objective.quasi_convexity() / 2 * distance, inner * (1 + 1e-12));
  }
}

DescentOptions quiet_zsgd() {
  DescentOptions options;
  options.method = Method::kZsgd;
  options.power = kInfinity;
  options.step = 0.3;
  options.last_round = 12;
  return options;
}

TEST(Descend, WithoutNoiseIsGradientDescentWithTheTheoremsMean) {
  const Objective objective(Case::kConvex, 6, 4);
  auto options = quiet_zsgd();
  options.weight_decay = 0.1;
  auto x = objective.start();
  std::vector<double> gradient(x.size());
  double weights = 0, gap = 0;
  for (int t = 0; t <= 12; ++t) {
    const double weight = std::pow(1 - 0.1, -(t + 1));
    gap += weight * objective.evaluate(x, gradient).value;
    weights += weight;
    for (std::size_t j = 0; j < x.size(); ++j) x[j] -= 0.3 * gradient[j];
  }
  const auto result = descend(objective, options);
  EXPECT_NEAR(result.gap, gap / weights, 1e-12 * gap / weights);
  EXPECT_FALSE(result.diverged);
}

TEST(Descend, RanksThatCoverTheMatrixLoseNothing) {
  const Objective objective(Case::kNonConvex, 12, 12);
  auto options = quiet_zsgd();
  const auto plain = descend(objective, options);
  options.method = Method::kFresh;
  options.rank = 5;  // 5 (12 + 12) < 144: compressed
  const auto compressed = descend(objective, options);
  EXPECT_LT(compressed.least_quality, 0.999);
  EXPECT_GT(std::abs(compressed.gap / plain.gap - 1), 1e-6);
  options.rank = 12;  // not compressed: the factors would be larger than the matrix
  EXPECT_THROW((void)descend(objective, options), Error);
}

TEST(Descend, DivergenceIsAResult) {
  const Objective objective(Case::kQuasiConvex, 6, 4);
  auto options = quiet_zsgd();
  options.step = 5;  // above 2 / L
  options.last_round = 200;
  const auto result = descend(objective, options);
  EXPECT_TRUE(result.diverged);
  EXPECT_EQ(result.gap, kInfinity);
}

TEST(Descend, ChannelNoiseHurts) {
  const Objective objective(Case::kQuasiConvex, 6, 4);
  auto options = quiet_zsgd();
  const auto clean = descend(objective, options);
  options.power = 3;
  EXPECT_GT(descend(objective, options).gap, clean.gap);
  options.seed = 9;
  EXPECT_NE(descend(objective, options).gap, clean.gap);
}

TEST(BoundCheck, FailsAboveTheBound) {
  StudyPoint point;
  point.covered = true;
  point.values = {1, 2};
  point.measured = {1.5, 0.5};
  point.bound = 1.6;
  EXPECT_TRUE(bound_check(point).holds());
  point.bound = 1.4;  // within the standard error, but bounds get no allowance for chance
  EXPECT_FALSE(bound_check(point).holds());
  point.measured = {kInfinity, 0};
  EXPECT_FALSE(bound_check(point).holds());
}

TEST(StudyBound, QuasiConvexStepIsTheBestOfTheGrid) {
  const Objective objective(Case::kQuasiConvex, kStudyRows, kStudyColumns);
  const auto problem = study_problem(objective, Method::kFresh, 1e6, kStudyRank, 1000);
  const auto best = study_bound(objective, problem, 5000);
  for (const double factor : {0.5, 0.9, 1.1, 2.0}) {
    const double step = best.step * factor;
    if (step > theory::largest_step(problem)) continue;
    EXPECT_GE(theory::quasi_convex_bound_at(problem, 5000, objective.squared_distance(), step), best.value);
  }
}

}  // namespace
}  // namespace laser::verify
