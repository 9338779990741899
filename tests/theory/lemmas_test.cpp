#include "laser/theory/lemmas.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "../power/expect_error.hpp"

namespace laser::theory {
namespace {

using Reals = std::vector<double>;
using Point = std::array<double, 4>;

// f(x) = sum_i h_i x_i^2 / 2, minimum 0 at 0; L = 4, and 1-quasi-convex because min h = 1.
constexpr Point kCurvature{1, 2, 3, 4};

double value(const Point& x) {
  double sum = 0;
  for (std::size_t i = 0; i < 4; ++i) sum += kCurvature[i] * x[i] * x[i] / 2;
  return sum;
}
double squared_norm(const Point& x) {
  double sum = 0;
  for (const double entry : x) sum += entry * entry;
  return sum;
}

struct Trace {
  std::vector<Point> iterates, memories;  // x_t, e_t
  Reals gradients;                        // squared norms, by t
};

// EF-SGD without noise; the compressor keeps the largest of 4 entries, so delta = 1/4.
Trace run_error_feedback(double step, int rounds) {
  Trace trace;
  Point x{1, -2, 0.5, 3};
  Point e{};
  for (int t = 0; t < rounds; ++t) {
    Point gradient;
    for (std::size_t i = 0; i < 4; ++i) gradient[i] = kCurvature[i] * x[i];
    trace.iterates.push_back(x);
    trace.memories.push_back(e);
    trace.gradients.push_back(squared_norm(gradient));
    std::size_t largest = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      e[i] += step * gradient[i];
      if (std::abs(e[i]) > std::abs(e[largest])) largest = i;
    }
    x[largest] -= e[largest];
    e[largest] = 0;
  }
  return trace;
}

Point minus(const Point& a, const Point& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]}; }

const Problem kQuadratic{.smoothness = 4, .quasi_convexity = 1, .compression_quality = 0.25};

TEST(Lemmas, HoldAlongARunOfErrorFeedback) {
  const double step = largest_step(kQuadratic);
  const auto trace = run_error_feedback(step, 400);
  Reals newest_first;
  for (std::size_t t = 0; t + 1 < trace.iterates.size(); ++t) {
    const auto here = minus(trace.iterates[t], trace.memories[t]);
    const auto next = minus(trace.iterates[t + 1], trace.memories[t + 1]);
    const double memory = squared_norm(trace.memories[t]);
    const auto distance =
        lemma11(kQuadratic, step, {squared_norm(here), squared_norm(next), value(trace.iterates[t]), memory});
    EXPECT_TRUE(distance.holds(1e-12)) << "Lemma 1, round " << t;
    const auto descent = lemma13(kQuadratic, step, {value(here), value(next), trace.gradients[t], memory});
    EXPECT_TRUE(descent.holds(1e-12)) << "Lemma 4, round " << t;
    newest_first.insert(newest_first.begin(), trace.gradients[t]);
    const double next_memory = squared_norm(trace.memories[t + 1]);
    EXPECT_TRUE(lemma2(kQuadratic, step, next_memory, newest_first).holds(1e-12)) << "Lemma 2, round " << t;
    EXPECT_TRUE(lemma12(kQuadratic, step, next_memory, newest_first).holds(1e-12)) << "Lemma 12, round " << t;
  }
  const Reals ones(trace.iterates.size(), 1.0);
  const Reals steps(trace.iterates.size(), step);
  Reals memories;
  for (const auto& memory : trace.memories) memories.push_back(squared_norm(memory));
  EXPECT_TRUE(lemma2_weighted(kQuadratic, {ones, steps, memories, trace.gradients}).holds());
  EXPECT_TRUE(lemma12_weighted(kQuadratic, {ones, steps, memories, trace.gradients}).holds());
}

TEST(Lemmas, FailOutsideTheirConditions) {
  // Lemma 4 without error feedback at step 1/L doubled: x jumps over the minimum and the value grows.
  const auto overshoot = lemma13({.smoothness = 1}, 3, {0.5, 0.5 * 4, 1, 0});
  EXPECT_FALSE(overshoot.holds());
  EXPECT_GT(3, 2 * lemma13_step({.smoothness = 1}));
}

TEST(Lemmas, SidesByHand) {
  const Problem p{.smoothness = 2,
                  .gradient_noise_factor = 1,
                  .quasi_convexity = 0.5,
                  .gradient_variance = 3,
                  .compression_quality = 0.5,
                  .influence = 0.25};
  EXPECT_DOUBLE_EQ(lemma13_step(p), 1.0 / 20);
  const auto distance = lemma11(p, 0.1, {10, 9, 4, 2});
  EXPECT_DOUBLE_EQ(distance.left, 9);
  EXPECT_DOUBLE_EQ(distance.right,
                   (1 - 0.025) * 10 - 0.05 * 4 + 0.01 * 3 * 1.25 + (3 * 2 * 0.1 * 1.25 + 0.25) * 2);
  const auto descent = lemma13(p, 0.1, {10, 9, 4, 2});
  EXPECT_DOUBLE_EQ(descent.right, 10 - 0.025 * 4 + 0.01 * 2 * 3 * 1.25 / 2 + (4 * 0.1 / 2 + 2 * 0.25) * 2);
  const auto control = lemma12(p, 0.1, 2, Reals{4, 8});
  EXPECT_DOUBLE_EQ(control.left, (3 * 2 * 1.25 + 2.5) * 2);
  EXPECT_DOUBLE_EQ(control.right, 0.5 / 64 * (4 + 0.875 * 8) + 0.1 * 3 * 1.25);
  const auto noiseless = lemma2(p, 0.1, 2, Reals{4, 8});
  EXPECT_DOUBLE_EQ(noiseless.left, 12);
  EXPECT_DOUBLE_EQ(noiseless.right, 0.5 / 128 * 11 + 0.3);
  const auto weighted = lemma12_weighted(p, {Reals{1, 2}, Reals{0.1, 0.05}, Reals{3, 4}, Reals{5, 6}});
  EXPECT_DOUBLE_EQ(weighted.left, 10 * 3 + (7.5 + 5) * 2 * 4);
  EXPECT_DOUBLE_EQ(weighted.right, (5 + 12) / 12.0 + 1.25 * 3 * (0.1 + 2 * 0.05));
}

TEST(Lemma3, TelescopesForEverySequence) {
  const Reals sequence{5, 3, 4, 0.5, 2, 0};
  const auto sum = lemma3(sequence, 0.3, 2, 0.1);
  EXPECT_NEAR(sum.left, sum.right, 1e-12);  // exact, because the last entry is 0
  const auto longer = lemma3(Reals{5, 3, 4, 0.5, 2, 1}, 0.3, 2, 0.1);
  EXPECT_LT(longer.left, longer.right);
  EXPECT_NEAR(lemma3(Reals{5, 1}, 0, 2, 0.5).left, (5 - 1) / 0.5 + 1, 1e-14);
}

TEST(Lemma6, HoldsForAllScales) {
  for (const double c : {0.0, 1e-6, 1.0, 1e6}) {
    for (const double d : {0.1, 10.0}) {
      for (const std::int64_t last : {0, 9, 100000}) {
        EXPECT_TRUE(lemma6(3, c, d, last).holds(1e-14)) << c << " " << d << " " << last;
      }
    }
  }
}

TEST(SlowSequences, AreBoundedFromBothSides) {
  EXPECT_TRUE(is_slow_decreasing(Reals{1.5, 1, 1}, 1));
  EXPECT_FALSE(is_slow_decreasing(Reals{1.51, 1}, 1));
  EXPECT_FALSE(is_slow_decreasing(Reals{1, 1.1}, 1));
  EXPECT_TRUE(is_slow_increasing(Reals{1, 1.5}, 1));
  EXPECT_FALSE(is_slow_increasing(Reals{1, 1.5}, 2));
  // spec 6: w_t = (1 - a gamma)^-(t+1) of Theorem 1 is 4/delta-slow increasing at the largest step.
  const double contraction = kQuadratic.quasi_convexity / 2 * largest_step(kQuadratic);
  Reals weights;
  for (int t = 0; t < 50; ++t) weights.push_back(std::pow(1 - contraction, -(t + 1)));
  EXPECT_TRUE(is_slow_increasing(weights, 4 / kQuadratic.compression_quality));
}

TEST(Lemmas, RefuseBadArguments) {
  const auto bad = ExitCode::kConfiguration;
  expect_error([] { return lemma11({.smoothness = -1}, 0.1, {}); }, bad, "smoothness L is -1");
  expect_error([] { return lemma13({}, 0, {}); }, bad, "step size is 0");
  expect_error([] { return lemma2({}, 0.1, -1, Reals{}); }, bad, "memory is -1");
  expect_error([] { return lemma12({}, 0.1, 1, Reals{-2}); }, bad, "entry 0 of the squared gradients");
  expect_error(
      [] {
        return lemma12_weighted({}, {Reals{1}, Reals{}, Reals{1}, Reals{1}});
      },
      bad, "list of steps has 0 entries: 1 are needed");
  expect_error([] { return lemma3(Reals{1}, 0, 0, 1); }, bad, "length of the sequence is 1");
  expect_error([] { return lemma3(Reals{1, 1}, 2, 0, 1); }, bad, "a * step is 2");
  expect_error([] { return lemma6(0, 1, 1, 1); }, bad, "r_0 is 0");
  expect_error([] { return is_slow_decreasing(Reals{1}, 0.5); }, bad, "tau is 0.5");
  expect_error([] { return is_slow_increasing(Reals{0}, 1); }, bad, "entry of the sequence is 0");
}

}  // namespace
}  // namespace laser::theory
