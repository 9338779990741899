#include "laser/kernels/batch_norm.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "every_target.hpp"
#include "laser/kernels/normal.hpp"

namespace laser {
namespace {

constexpr double kEpsilon = 1e-5;

std::vector<float> draws(std::size_t size, std::uint32_t unit, float scale = 1, float shift = 0) {
  std::vector<float> values(size);
  fill_normal(std::span<float>(values), {5, Purpose::kTest, 0, 0, unit});
  for (float& value : values) value = scale * value + shift;
  return values;
}

std::vector<double> exact(const std::vector<float>& values) { return {values.begin(), values.end()}; }

/// Everything that goes in, and what comes out of forward and then backward.
struct Case {
  BatchNormShape shape;
  bool with_residual;
  std::vector<float> x, residual, weight, bias, running_mean, running_variance, y, gradient, mean,
      inverse_deviation;
  std::vector<float> x_gradient, residual_gradient, weight_gradient, bias_gradient;

  Case(std::size_t rows, std::size_t channels, bool relu, bool residual_too, float shift = 0.5f)
      : shape{rows, channels, relu},
        with_residual(residual_too),
        x(draws(rows * channels, 1, 2, shift)),
        residual(draws(rows * channels, 2)),
        weight(draws(channels, 3)),
        bias(draws(channels, 4)),
        running_mean(draws(channels, 5)),
        running_variance(channels, 2.0f),
        y(rows * channels),
        gradient(draws(rows * channels, 6)),
        mean(channels),
        inverse_deviation(channels),
        weight_gradient(channels),
        bias_gradient(channels) {}

  void forward() {
    batch_norm_forward(shape, {weight.data(), bias.data(), kEpsilon}, x.data(), before(), y.data(),
                       statistics(), {running_mean.data(), running_variance.data(), 0.1});
  }
  void backward() {
    x_gradient = x;
    residual_gradient = gradient;
    batch_norm_backward(shape, weight.data(), statistics(), shape.relu ? y.data() : nullptr,
                        residual_gradient.data(), x_gradient.data(), weight_gradient.data(),
                        bias_gradient.data());
  }
  [[nodiscard]] const float* before() const { return with_residual ? residual.data() : nullptr; }
  BatchStatistics statistics() { return {mean.data(), inverse_deviation.data()}; }
  [[nodiscard]] std::vector<std::vector<float>> results() const {
    return {y,
            mean,
            inverse_deviation,
            running_mean,
            running_variance,
            x_gradient,
            weight_gradient,
            bias_gradient,
            residual_gradient};
  }
};

void expect_near(const std::vector<float>& values, const std::vector<double>& expected, double bound) {
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], expected[i], bound) << i;
}

TEST(BatchNorm, IsCloseToDouble) {
  for (const std::size_t channels : {1, 3, 4, 8, 10, 12, 16, 24, 48, 64}) {
    for (const std::size_t rows : {2, 5, 127, 128, 131, 3001}) {
      for (const bool relu : {false, true}) {
        for (const bool residual : {false, true}) {
          SCOPED_TRACE(testing::Message()
                       << rows << " x " << channels << " relu " << relu << " res " << residual);
          Case c(rows, channels, relu, residual);
          c.forward();
          c.backward();
          std::vector<double> y(c.y.size()), by_x(y), by_weight(channels), by_bias(channels);
          const auto x = exact(c.x), before = exact(c.residual), weight = exact(c.weight);
          reference::batch_norm_forward(c.shape, weight.data(), exact(c.bias).data(), kEpsilon, x.data(),
                                        residual ? before.data() : nullptr, y.data());
          // Two rows that happen to be close make large inverse deviations, and rounding grows by them.
          const double largest = *std::max_element(c.inverse_deviation.begin(), c.inverse_deviation.end());
          expect_near(c.y, y, 1e-5 * (1 + largest));
          // Of what was rounded to y, not of the exact y: they differ in where a ReLU is at its kink.
          reference::batch_norm_backward(c.shape, weight.data(), kEpsilon, x.data(), exact(c.y).data(),
                                         exact(c.gradient).data(), by_x.data(), by_weight.data(),
                                         by_bias.data());
          expect_near(c.x_gradient, by_x, 1e-5 * (1 + largest * largest));
          const double size = std::sqrt(static_cast<double>(rows));
          expect_near(c.weight_gradient, by_weight, 1e-5 * size * (1 + largest));
          expect_near(c.bias_gradient, by_bias, 1e-5 * size);
          for (std::size_t i = 0; i < c.gradient.size(); ++i) {
            ASSERT_EQ(c.residual_gradient[i], relu && c.y[i] == 0 ? 0 : c.gradient[i]);
          }
        }
      }
    }
  }
}

TEST(BatchNorm, ReferenceGradientIsTheSlope) {
  constexpr std::size_t kRows = 7, kChannels = 3;
  const BatchNormShape shape{kRows, kChannels, true};
  const Case c(kRows, kChannels, true, true);
  auto x = exact(c.x), weight = exact(c.weight), bias = exact(c.bias);
  const auto residual = exact(c.residual), gradient = exact(c.gradient);
  std::vector<double> y(x.size()), by_x(y), by_weight(kChannels), by_bias(kChannels);
  const auto value = [&] {
    reference::batch_norm_forward(shape, weight.data(), bias.data(), kEpsilon, x.data(), residual.data(),
                                  y.data());
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += gradient[i] * y[i];
    return sum;
  };
  value();
  reference::batch_norm_backward(shape, weight.data(), kEpsilon, x.data(), y.data(), gradient.data(),
                                 by_x.data(), by_weight.data(), by_bias.data());
  const auto expect_slope = [&](double& place, double slope) {
    constexpr double kStep = 1e-6;
    const double middle = place;
    place = middle + kStep;
    const double up = value();
    place = middle - kStep;
    const double down = value();
    place = middle;
    EXPECT_NEAR((up - down) / (2 * kStep), slope, 1e-7);
  };
  for (std::size_t i = 0; i < x.size(); ++i) expect_slope(x[i], by_x[i]);
  for (std::size_t i = 0; i < kChannels; ++i) {
    expect_slope(weight[i], by_weight[i]);
    expect_slope(bias[i], by_bias[i]);
  }
}

TEST(BatchNorm, RunningStatisticsMoveByMomentum) {
  Case c(300, 5, true, false);
  const auto mean = c.running_mean;
  c.forward();
  for (std::size_t j = 0; j < 5; ++j) {
    double sum = 0, squares = 0;
    for (std::size_t r = 0; r < 300; ++r) sum += static_cast<double>(c.x[r * 5 + j]);
    for (std::size_t r = 0; r < 300; ++r)
      squares += std::pow(static_cast<double>(c.x[r * 5 + j]) - sum / 300, 2);
    EXPECT_NEAR(c.mean[j], sum / 300, 1e-6);
    EXPECT_NEAR(c.running_mean[j], 0.9 * static_cast<double>(mean[j]) + 0.1 * sum / 300, 1e-6);
    EXPECT_NEAR(c.running_variance[j], 0.9 * 2 + 0.1 * squares / 299, 1e-6);
  }
}

TEST(BatchNorm, EvaluationUsesTheRunningStatistics) {
  Case c(200, 24, true, true);
  c.forward();
  std::vector<float> y(c.y.size()), in_place = c.x;
  const BatchNormParameters parameters = {c.weight.data(), c.bias.data(), kEpsilon};
  batch_norm_evaluate(c.shape, parameters, c.running_mean.data(), c.running_variance.data(), c.x.data(),
                      c.before(), y.data());
  batch_norm_evaluate(c.shape, parameters, c.running_mean.data(), c.running_variance.data(), in_place.data(),
                      c.before(), in_place.data());
  EXPECT_EQ(in_place, y);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t j = i % 24;
    const double value = static_cast<double>(c.weight[j]) * static_cast<double>(c.x[i] - c.running_mean[j]) /
                             std::sqrt(static_cast<double>(c.running_variance[j]) + kEpsilon) +
                         static_cast<double>(c.bias[j]) + static_cast<double>(c.residual[i]);
    ASSERT_NEAR(y[i], std::max(value, 0.0), 2e-6 * (1 + std::abs(value)) + 4e-6);
  }
}

TEST(BatchNorm, ALargeMeanCostsLittle) {
  Case near(4096, 16, false, false, 0), far(4096, 16, false, false, 1000);
  near.forward();
  far.forward();
  // 1000 + x keeps x to 6e-5; its statistics lose no more.
  for (std::size_t j = 0; j < 16; ++j) {
    EXPECT_NEAR(far.inverse_deviation[j] / near.inverse_deviation[j], 1, 1e-5);
    EXPECT_NEAR(far.mean[j] - 1000, near.mean[j], 1e-4);
  }
}

TEST(BatchNorm, SameBitsOnEveryTargetAndForEveryNumberOfThreads) {
  for (const std::size_t channels : {3, 8, 20, 64}) {
    Case expected(20000, channels, true, true);
    expected.forward();
    expected.backward();
    const auto expect_same = [&] {
      Case c(20000, channels, true, true);
      c.forward();
      c.backward();
      EXPECT_EQ(c.results(), expected.results());
    };
    for_every_target(expect_same);
    const int threads = omp_get_max_threads();
    for (const int count : {1, 2, 3}) {
      omp_set_num_threads(count);
      expect_same();
    }
    omp_set_num_threads(threads);
  }
}

TEST(BatchNorm, EqualRowsAndNonFiniteOnes) {
  Case c(64, 8, true, false);
  for (std::size_t i = 0; i < c.x.size(); ++i) c.x[i] = static_cast<float>(i % 8) + 0.1f;
  c.forward();
  for (std::size_t i = 0; i < c.y.size(); ++i) ASSERT_NEAR(c.y[i], std::max(c.bias[i % 8], 0.0f), 3e-4);
  c.backward();
  for (const float value : c.x_gradient) ASSERT_TRUE(std::isfinite(value));
  c.x[8 * 13 + 2] = std::numeric_limits<float>::quiet_NaN();
  for_every_target([&] {
    c.forward();
    EXPECT_TRUE(std::isnan(c.y[2]));
    EXPECT_TRUE(std::isfinite(c.y[3]));
    c.backward();
    EXPECT_TRUE(std::isnan(c.weight_gradient[2]));
  });
}

TEST(BatchNorm, RefusesNothing) {
  Case c(1, 1, false, false);
  c.shape.rows = 0;
  EXPECT_THROW(c.forward(), std::logic_error);
}

}  // namespace
}  // namespace laser
