// A billion normal numbers: what only shows in so many.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "laser/kernels/normal.hpp"

namespace laser {
namespace {

constexpr std::size_t kStreams = 100;
constexpr std::size_t kSize = 10'000'000;  // numbers a stream
constexpr double kCount = double{kStreams} * double{kSize};
constexpr double kBound = 4.5;  // standard errors

/// Probability that Z <= x.
double below(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

/// Sum of use(i) over i < size, in eight chains that the compiler can vectorise.
template <class Use>
double sum_over(std::size_t size, const Use& use) {
  double sums[8] = {};
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    for (std::size_t k = 0; k < 8; ++k) sums[k] += use(i + k);
  }
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

/// Numbers of bins of width 1/64 from -4 to 4, and what is left of and right of them.
struct Histogram {
  static constexpr std::size_t kBins = 512;
  std::array<std::int64_t, kBins + 2> counts{};

  void add(const std::vector<float>& z) {
    for (const float x : z) ++counts[static_cast<std::size_t>(std::clamp(x * 64 + 257, 0.0f, 513.0f))];
  }
  double chi_square() const {
    double sum = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const double left = (static_cast<double>(i) - 257) / 64, right = left + 1.0 / 64;
      const double probability = (i > kBins ? 1 : below(right)) - (i == 0 ? 0 : below(left));
      const double expected = kCount * probability;
      sum += std::pow(static_cast<double>(counts[i]) - expected, 2) / expected;
    }
    return sum;
  }
};

TEST(NormalQuality, ABillionNumbersOfNeighbouringStreams) {
  double moments[4] = {};
  Histogram histogram;
  constexpr double kTails[] = {3, 3.5, 4, 4.5, 5, 5.5, 6};
  std::int64_t upper[std::size(kTails)] = {}, lower[std::size(kTails)] = {};
  // 1: the other word pair; 2: the next block; 16: the sine of the same pair; 32: eight blocks on.
  constexpr std::size_t kLags[] = {1, 2, 15, 16, 17, 32};
  double products[std::size(kLags)] = {}, square_products[std::size(kLags)] = {};
  double neighbours = 0, square_neighbours = 0;

  std::vector<float> z(kSize), before(kSize);
  for (std::uint32_t unit = 0; unit <= kStreams; ++unit) {
    before.swap(z);
    fill_normal(std::span<float>(z), {.seed = 11, .purpose = Purpose::kTest, .round = 1, .unit = unit});
    const auto value = [&](std::size_t i) { return static_cast<double>(z[i]); };
    if (unit > 0) {
      const auto old = [&](std::size_t i) { return static_cast<double>(before[i]); };
      neighbours += sum_over(kSize, [&](std::size_t i) { return value(i) * old(i); });
      square_neighbours +=
          sum_over(kSize, [&](std::size_t i) { return (value(i) * value(i) - 1) * (old(i) * old(i) - 1); });
    }
    if (unit == kStreams) break;
    moments[0] += sum_over(kSize, value);
    moments[1] += sum_over(kSize, [&](std::size_t i) { return value(i) * value(i); });
    moments[2] += sum_over(kSize, [&](std::size_t i) { return value(i) * value(i) * value(i); });
    moments[3] += sum_over(kSize, [&](std::size_t i) { return std::pow(value(i) * value(i), 2); });
    histogram.add(z);
    for (const float x : z) {
      if (std::abs(x) <= 3) continue;
      for (std::size_t t = 0; t < std::size(kTails); ++t) {
        upper[t] += static_cast<double>(x) > kTails[t] ? 1 : 0;
        lower[t] += static_cast<double>(x) < -kTails[t] ? 1 : 0;
      }
    }
    for (std::size_t l = 0; l < std::size(kLags); ++l) {
      const std::size_t lag = kLags[l], size = kSize - lag;
      products[l] += sum_over(size, [&](std::size_t i) { return value(i) * value(i + lag); });
      square_products[l] += sum_over(size, [&](std::size_t i) {
        return (value(i) * value(i) - 1) * (value(i + lag) * value(i + lag) - 1);
      });
    }
  }

  const double expected[4] = {0, 1, 0, 3}, variance[4] = {1, 2, 15, 96};
  for (int p = 0; p < 4; ++p) {
    EXPECT_NEAR(moments[p] / kCount, expected[p], kBound * std::sqrt(variance[p] / kCount))
        << "moment " << p + 1;
  }
  // 513 degrees of freedom: mean 513, standard deviation sqrt(2 * 513).
  EXPECT_NEAR(histogram.chi_square(), 513, kBound * std::sqrt(2 * 513.0));
  for (std::size_t t = 0; t < std::size(kTails); ++t) {
    // Counts are Poisson; + 3: where few are expected, their upper tail is longer than a normal one's. Beyond
    // 6 one is expected on each side.
    const double mean = kCount * below(-kTails[t]);
    EXPECT_NEAR(static_cast<double>(upper[t]), mean, kBound * std::sqrt(mean) + 3) << kTails[t];
    EXPECT_NEAR(static_cast<double>(lower[t]), mean, kBound * std::sqrt(mean) + 3) << kTails[t];
  }
  // A product of independent normals has variance 1, of their squares less 1, variance 4.
  const double error = kBound / std::sqrt(kCount);
  EXPECT_NEAR(neighbours / kCount, 0, error);
  EXPECT_NEAR(square_neighbours / kCount, 0, 2 * error);
  for (std::size_t l = 0; l < std::size(kLags); ++l) {
    EXPECT_NEAR(products[l] / kCount, 0, error) << "lag " << kLags[l];
    EXPECT_NEAR(square_products[l] / kCount, 0, 2 * error) << "lag " << kLags[l];
  }
}

}  // namespace
}  // namespace laser
