// The single-layer classifier against a plain double-precision softmax regression on normalised pixels.
#include "laser/model/one_layer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "laser/core/random.hpp"

namespace laser {
namespace {

constexpr std::int64_t kPixels = 30;
constexpr std::int64_t kClasses = 4;
constexpr double kMean = 0.13, kStd = 0.31;

/// 20 small images, about a third of the pixels set.
struct Images {
  std::vector<std::uint32_t> offsets{0};
  std::vector<std::uint16_t> pixels;
  std::vector<std::uint8_t> values, labels;
  Images() {
    for (std::uint32_t i = 0; i < 20; ++i) {
      for (std::uint16_t p = 0; p < kPixels; ++p) {
        const auto word = random_word({3, Purpose::kTest, i, 0, 0}, p);
        if (word % 3 != 0) continue;
        pixels.push_back(p);
        values.push_back(static_cast<std::uint8_t>(1 + word / 7 % 255));
      }
      offsets.push_back(static_cast<std::uint32_t>(pixels.size()));
      labels.push_back(static_cast<std::uint8_t>(i % kClasses));
    }
  }
  [[nodiscard]] SparseRows rows() const { return {offsets, pixels, values}; }
};

/// Mean loss and gradient [d] in double, with every pixel normalised.
double dense_gradient(const Images& images, const std::vector<float>& theta,
                      std::span<const std::int32_t> ids, std::vector<double>& gradient) {
  gradient.assign(theta.size(), 0.0);
  double loss = 0;
  for (const auto id : ids) {
    const auto i = static_cast<std::size_t>(id);
    std::vector<double> x(kPixels, -kMean / kStd), logits(kClasses);
    for (auto j = images.offsets[i]; j < images.offsets[i + 1]; ++j) {
      x[images.pixels[j]] = (images.values[j] / 255.0 - kMean) / kStd;
    }
    double sum = 0;
    for (std::size_t c = 0; c < kClasses; ++c) {
      logits[c] = static_cast<double>(theta[kClasses * kPixels + c]);
      for (std::size_t p = 0; p < kPixels; ++p)
        logits[c] += static_cast<double>(theta[c * kPixels + p]) * x[p];
      sum += std::exp(logits[c]);
    }
    loss += (std::log(sum) - logits[images.labels[i]]) / static_cast<double>(ids.size());
    for (std::size_t c = 0; c < kClasses; ++c) {
      const double d =
          (std::exp(logits[c]) / sum - (c == images.labels[i] ? 1 : 0)) / static_cast<double>(ids.size());
      for (std::size_t p = 0; p < kPixels; ++p) gradient[c * kPixels + p] += d * x[p];
      gradient[kClasses * kPixels + c] += d;
    }
  }
  return loss;
}

TEST(OneLayer, GradientLossAndAccuracyAgreeWithDenseDoublePrecision) {
  const Images images;
  OneLayer model(kPixels, kClasses, kMean, kStd);
  std::vector<float> theta(static_cast<std::size_t>(model.layout().size));
  model.initialise(theta, 5);
  model.load(theta);
  const std::vector<std::int32_t> ids{3, 7, 7, 19, 0};
  std::vector<float> gradient(theta.size(), 42.0f);
  OneLayerScratch scratch;
  std::vector<double> expected;
  const double loss = dense_gradient(images, theta, ids, expected);
  EXPECT_NEAR(model.gradient(images.rows(), images.labels, ids, gradient, scratch), loss, 1e-6);
  for (std::size_t j = 0; j < theta.size(); ++j) {
    EXPECT_NEAR(static_cast<double>(gradient[j]), expected[j], 2e-6) << j;
  }
  std::vector<std::int32_t> all(20);
  std::iota(all.begin(), all.end(), 0);
  const auto evaluation = model.evaluate(images.rows(), images.labels);
  EXPECT_NEAR(evaluation.loss, dense_gradient(images, theta, all, expected), 1e-6);
}

TEST(OneLayer, InitialWeightsAreUniformWithinTheBound) {
  OneLayer model(784, 10, kMean, kStd);
  std::vector<float> theta(static_cast<std::size_t>(model.layout().size));
  model.initialise(theta, 5);
  double sum = 0, largest = 0;
  for (const float value : theta) {
    sum += static_cast<double>(value);
    largest = std::max(largest, std::abs(static_cast<double>(value)));
  }
  EXPECT_LE(largest, 1.0 / 28.0);
  EXPECT_GT(largest, 0.99 / 28.0);
  // 7,850 uniforms on +-1/28: the mean has standard deviation 1/(28 sqrt(3 * 7850)); the bound is 5 of them.
  EXPECT_NEAR(sum / 7850, 0.0, 5.0 / (28 * std::sqrt(3.0 * 7850)));
}

}  // namespace
}  // namespace laser
