#include "laser/kernels/softmax_regression.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "every_target.hpp"

namespace laser {
namespace {

constexpr std::size_t kColumns = 784;
constexpr std::size_t kRowsOfWeights = kColumns * kClassLanes;

/// Random images with some 150 of 784 pixels (some of them empty), labels, weights and a value table.
struct Problem {
  std::vector<std::uint32_t> offsets{0};
  std::vector<std::uint16_t> columns;
  std::vector<std::uint8_t> values, labels;
  std::vector<float> weights, bias;
  std::array<float, 256> table;
  int classes;

  explicit Problem(int class_count, std::size_t images = 50, float weight_scale = 0.05f)
      : weights(kRowsOfWeights), bias(kClassLanes), classes(class_count) {
    std::mt19937 random(9);
    for (std::size_t i = 0; i < images; ++i) {
      const std::uint32_t density = i % 10 == 3 ? 0 : 205;  // of 1024
      for (std::size_t c = 0; c < kColumns; ++c) {
        if (random() % 1024 >= density) continue;
        columns.push_back(static_cast<std::uint16_t>(c));
        values.push_back(static_cast<std::uint8_t>(1 + random() % 255));
      }
      offsets.push_back(static_cast<std::uint32_t>(columns.size()));
      labels.push_back(static_cast<std::uint8_t>(random() % static_cast<std::uint32_t>(classes)));
    }
    fill_normal(std::span<float>(weights), {.seed = 1, .purpose = Purpose::kTest});
    fill_normal(std::span<float>(bias), {.seed = 2, .purpose = Purpose::kTest});
    for (float& w : weights) w *= weight_scale;
    for (std::size_t v = 0; v < 256; ++v) table[v] = static_cast<float>(v) / 255.0f;
  }

  [[nodiscard]] SparseRows rows() const { return {offsets, columns, values}; }
};

struct Gradient {
  std::vector<float> weights = std::vector<float>(kRowsOfWeights);
  std::vector<float> bias = std::vector<float>(kClassLanes);
  double loss = 0;
  bool operator==(const Gradient&) const = default;
};

struct ExactGradient {
  std::vector<double> weights = std::vector<double>(kRowsOfWeights);
  std::vector<double> bias = std::vector<double>(kClassLanes);
  double loss = 0;
};

Gradient gradient(const Problem& p, std::span<const std::int32_t> ids, float scale) {
  Gradient g;
  g.loss = softmax_regression_gradient(p.rows(), ids, p.labels, p.classes, p.weights.data(), p.bias.data(),
                                       p.table, g.weights.data(), g.bias.data(), scale);
  return g;
}

ExactGradient exact_gradient(const Problem& p, std::span<const std::int32_t> ids, double scale) {
  ExactGradient g;
  g.loss =
      reference::softmax_regression_gradient(p.rows(), ids, p.labels, p.classes, p.weights.data(),
                                             p.bias.data(), p.table, g.weights.data(), g.bias.data(), scale);
  return g;
}

SoftmaxScore score(const Problem& p, std::int64_t first, std::int64_t last) {
  return softmax_regression_evaluate(p.rows(), first, last, p.labels, p.classes, p.weights.data(),
                                     p.bias.data(), p.table);
}

/// With a repetition and an empty image.
const std::vector<std::int32_t> kIds = {4,  3,  17, 17, 0,  49, 22, 8,  9,  10, 11, 12, 13,
                                        14, 15, 16, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28,
                                        29, 30, 31, 32, 34, 35, 36, 37, 38, 39, 40};

TEST(SoftmaxRegression, GradientIsCloseToDouble) {
  for (const int classes : {1, 2, 3, 9, 10, 15, 16}) {
    const Problem p(classes);
    const Gradient g = gradient(p, kIds, 0.25f);
    const ExactGradient exact = exact_gradient(p, kIds, 0.25);
    EXPECT_NEAR(g.loss, exact.loss, 1e-6 * exact.loss + 1e-9) << classes;
    for (std::size_t i = 0; i < kRowsOfWeights; ++i)
      ASSERT_NEAR(g.weights[i], exact.weights[i], 2e-6) << classes;
    for (std::size_t c = 0; c < kClassLanes; ++c) ASSERT_NEAR(g.bias[c], exact.bias[c], 2e-6) << classes;
  }
}

TEST(SoftmaxRegression, ReferenceGradientIsTheSlopeOfTheLoss) {
  const Problem p(10);
  const ExactGradient g = exact_gradient(p, kIds, 1);
  // Central differences with step h have error h^2 / 6 times the third derivative, below 37 images * h^2.
  constexpr float kStep = 0x1p-10f;
  std::mt19937 random(3);
  const auto slope = [&p](auto member, std::size_t at) {
    Problem up = p, down = p;
    (up.*member)[at] += kStep;
    (down.*member)[at] -= kStep;
    const double width = static_cast<double>((up.*member)[at]) - static_cast<double>((down.*member)[at]);
    return (exact_gradient(up, kIds, 1).loss - exact_gradient(down, kIds, 1).loss) / width;
  };
  for (int trial = 0; trial < 100; ++trial) {
    const std::size_t at = random() % kColumns * kClassLanes + random() % 10;
    ASSERT_NEAR(slope(&Problem::weights, at), g.weights[at], 4e-5);
  }
  for (std::size_t c = 0; c < 10; ++c) ASSERT_NEAR(slope(&Problem::bias, c), g.bias[c], 4e-5);
}

TEST(SoftmaxRegression, SameBitsOnEveryTarget) {
  for (const int classes : {3, 10, 16}) {
    const Problem p(classes, 50, 0.3f);
    const Gradient expected = gradient(p, kIds, 0.1f);
    const SoftmaxScore expected_score = score(p, 0, 50);
    for_every_target([&] {
      EXPECT_EQ(gradient(p, kIds, 0.1f), expected);
      EXPECT_EQ(score(p, 0, 50).loss, expected_score.loss);
      EXPECT_EQ(score(p, 0, 50).correct, expected_score.correct);
    });
  }
}

TEST(SoftmaxRegression, AddsToTheGradientAndLeavesPaddingAlone) {
  const Problem p(10);
  const Gradient once = gradient(p, kIds, 0.5f);
  Gradient g;
  std::fill(g.weights.begin(), g.weights.end(), 1.0f);
  std::fill(g.bias.begin(), g.bias.end(), 1.0f);
  softmax_regression_gradient(p.rows(), kIds, p.labels, 10, p.weights.data(), p.bias.data(), p.table,
                              g.weights.data(), g.bias.data(), 0.5f);
  for (std::size_t i = 0; i < kRowsOfWeights; ++i) {
    if (i % kClassLanes >= 10) {
      ASSERT_EQ(g.weights[i], 1.0f);
      ASSERT_EQ(once.weights[i], 0.0f);
    }
    ASSERT_NEAR(g.weights[i], 1.0f + once.weights[i], 2e-5);
  }
}

TEST(SoftmaxRegression, NothingToDo) {
  const Problem p(10);
  EXPECT_EQ(gradient(p, {}, 1), Gradient{});
  EXPECT_EQ(score(p, 7, 7).correct, 0);
  EXPECT_EQ(score(p, 7, 7).loss, 0);
}

TEST(SoftmaxRegression, LargeLogitsNeitherOverflowNorLoseTheLoss) {
  const Problem p(10, 50, 1e4f);
  const Gradient g = gradient(p, kIds, 1);
  const ExactGradient exact = exact_gradient(p, kIds, 1);
  EXPECT_NEAR(g.loss / exact.loss, 1, 1e-6);
  for (const float v : g.weights) ASSERT_TRUE(std::isfinite(v));
}

TEST(SoftmaxRegression, NonFiniteWeightsShowInTheLoss) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Problem p(10);
    for (std::size_t column = 0; column < kColumns; ++column) p.weights[column * kClassLanes + 4] = bad;
    for_every_target([&] {
      EXPECT_FALSE(std::isfinite(gradient(p, kIds, 1).loss));
      EXPECT_FALSE(std::isfinite(score(p, 0, 50).loss));
    });
  }
}

TEST(SoftmaxRegression, ScoreCountsLargestLogits) {
  const Problem p(10);
  std::vector<std::int32_t> all;
  std::int64_t correct = 0;
  for (std::int32_t i = 0; i < 50; ++i) {
    all.push_back(i);
    const auto id = static_cast<std::size_t>(i);
    std::array<double, 10> logits;
    for (std::size_t c = 0; c < 10; ++c) {
      logits[c] = p.bias[c];
      for (std::size_t k = p.offsets[id]; k < p.offsets[id + 1]; ++k) {
        logits[c] += static_cast<double>(p.table[p.values[k]]) *
                     static_cast<double>(p.weights[p.columns[k] * kClassLanes + c]);
      }
    }
    correct += std::max_element(logits.begin(), logits.end()) - logits.begin() == p.labels[id] ? 1 : 0;
  }
  EXPECT_EQ(score(p, 0, 50).correct, correct);
  EXPECT_GT(correct, 0);
  EXPECT_NEAR(score(p, 0, 50).loss, exact_gradient(p, all, 1).loss, 1e-4);
  EXPECT_EQ(score(p, 0, 21).correct + score(p, 21, 50).correct, correct);
}

TEST(SoftmaxRegression, OfEqualLogitsTheLowestClassCounts) {
  Problem p(10);
  std::fill(p.weights.begin(), p.weights.end(), 0.0f);
  std::fill(p.bias.begin(), p.bias.end(), 0.0f);
  std::int64_t zeros = 0;
  for (const std::uint8_t label : p.labels) zeros += label == 0 ? 1 : 0;
  EXPECT_EQ(score(p, 0, 50).correct, zeros);
  EXPECT_NEAR(score(p, 0, 50).loss, 50 * std::log(10.0), 1e-5);
}

TEST(SoftmaxRegression, RefusesTooManyClasses) {
  const Problem p(10);
  Gradient g;
  EXPECT_THROW(softmax_regression_gradient(p.rows(), kIds, p.labels, 17, p.weights.data(), p.bias.data(),
                                           p.table, g.weights.data(), g.bias.data(), 1),
               std::logic_error);
  EXPECT_THROW(
      softmax_regression_evaluate(p.rows(), 0, 51, p.labels, 10, p.weights.data(), p.bias.data(), p.table),
      std::logic_error);
}

}  // namespace
}  // namespace laser
