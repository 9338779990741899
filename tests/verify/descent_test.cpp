// The test functions have the constants that they claim, and Algorithm 1 on them is what a few lines of plain
// gradient descent give where there is no noise.
#include "laser/verify/descent.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "laser/core/error.hpp"
#include "laser/core/random.hpp"

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

TEST(Objective, CurvatureIsThatOfTheQuadratic) {
  const Objective objective(Case::kQuasiConvex, 4, 4, 0.7);
  const auto curvature = objective.curvature();
  const auto x = random_point(2, 16, 3);
  std::vector<double> gradient(16);
  double value = 0;
  const auto at_x = objective.evaluate(x, gradient);
  for (std::size_t j = 0; j < 16; ++j) {
    EXPECT_NEAR(gradient[j], curvature[j] * x[j], 1e-14);
    value += curvature[j] * x[j] * x[j] / 2;
  }
  EXPECT_NEAR(at_x.value, value, 1e-13);
  EXPECT_DOUBLE_EQ(*std::ranges::max_element(curvature), objective.smoothness());
  EXPECT_DOUBLE_EQ(*std::ranges::min_element(curvature), objective.quasi_convexity());
}

DescentOptions quiet() {
  DescentOptions options;
  options.power = kInfinity;
  options.step = 0.1;
  options.last_round = 12;
  options.rank = 2;
  return options;
}

// Round 0 by hand: M = gamma g, x_1 = x_0 - C(M), and no other round.
TEST(Descend, WeighsTheIteratesAsTheTheoremDoes) {
  const Objective objective(Case::kConvex, 12, 12);
  auto options = quiet();
  options.last_round = 1;
  const auto plain = descend(objective, options);
  std::vector<double> gradient(144);
  const double start = objective.evaluate(objective.start(), gradient).value;
  const double next = 2 * plain.gap - start;  // the plain mean of two
  EXPECT_LT(next, start);
  options.weight_decay = 0.4;
  EXPECT_NEAR(descend(objective, options).gap, (0.6 * start + next) / 1.6, 1e-12 * start);
}

TEST(Descend, HigherRanksAreFasterUntilNothingIsSaved) {
  const Objective objective(Case::kNonConvex, 12, 12);
  auto options = quiet();
  const double coarse = descend(objective, options).gap;
  options.rank = 5;  // 5 (12 + 12) < 144: compressed
  EXPECT_LT(descend(objective, options).gap, coarse);
  options.rank = 12;  // not compressed: the factors would be larger than the matrix
  EXPECT_THROW((void)descend(objective, options), Error);
}

TEST(Descend, DivergenceIsAResult) {
  const Objective objective(Case::kQuasiConvex, 12, 12);
  auto options = quiet();
  options.step = 5;  // above 2 / L
  options.last_round = 200;
  const auto result = descend(objective, options);
  EXPECT_TRUE(result.diverged);
  EXPECT_EQ(result.gap, kInfinity);
}

TEST(Descend, ChannelNoiseHurts) {
  const Objective objective(Case::kQuasiConvex, 12, 12);
  auto options = quiet();
  const auto clean = descend(objective, options);
  options.power = 10;
  EXPECT_GT(descend(objective, options).gap, clean.gap);
  options.seed = 9;
  EXPECT_NE(descend(objective, options).gap, clean.gap);
}

TEST(DescentProblem, IsThatOfOneShotWithFreshBases) {
  const Objective objective(Case::kConvex, kDescentRows, kDescentColumns);
  const auto problem = descent_problem(objective, kDescentSnr * kDescentRows * kDescentColumns);
  EXPECT_DOUBLE_EQ(problem.compression_quality, 4.0 / 32);
  EXPECT_DOUBLE_EQ(problem.smoothness, 1.125);
  EXPECT_TRUE(theory::assumption5_holds(problem));
}

}  // namespace
}  // namespace laser::verify
