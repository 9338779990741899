#include "laser/kernels/reduction.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "every_target.hpp"

namespace laser {
namespace {

template <class T>
std::vector<T> normals(std::size_t size, std::uint32_t unit) {
  std::vector<T> x(size);
  fill_normal(std::span<T>(x), {.seed = 5, .purpose = Purpose::kTest, .unit = unit});
  return x;
}

template <class T>
long double exact_sum_of_squares(const std::vector<T>& x) {
  long double sum = 0;
  for (const T v : x) sum += static_cast<long double>(v) * static_cast<long double>(v);
  return sum;
}

TEST(Dot, EveryTargetEqualsTheReferenceBitForBit) {
  for (const std::size_t size :
       {0u, 1u, 2u, 7u, 31u, 32u, 33u, 63u, 64u, 100u, 1023u, 1024u, 1025u, 50001u}) {
    // The values of doubles that are products of normals fill the whole mantissa.
    std::vector<double> x = normals<double>(size, 1), y = normals<double>(size, 2);
    for (std::size_t i = 0; i < size; ++i) x[i] = x[i] * 1.1 + y[i] * y[i] / 3;
    const double expected = reference::dot(x, y);
    const double squares = reference::dot(x, x);
    std::vector<float> f = normals<float>(size, 3);
    const std::vector<double> wide(f.begin(), f.end());
    const double float_squares = reference::dot(wide, wide);
    for_every_target([&] {
      EXPECT_EQ(dot(x, y), expected) << size;
      EXPECT_EQ(sum_of_squares(std::span<const double>(x)), squares) << size;
      EXPECT_EQ(sum_of_squares(std::span<const float>(f)), float_squares) << size;
    });
  }
}

TEST(Dot, RefusesDifferentLengths) {
  const std::vector<double> x(3), y(4);
  EXPECT_THROW(dot(x, y), std::logic_error);
}

TEST(SumOfSquares, AccurateAtEveryScaleOfFloat) {
  for (const float scale : {1e-38f, 1e-30f, 1.0f, 1e30f, 1e37f}) {
    std::vector<float> x = normals<float>(100000, 4);
    for (float& v : x) v *= scale;
    const auto exact = static_cast<double>(exact_sum_of_squares(x));
    EXPECT_NEAR(sum_of_squares(std::span<const float>(x)) / exact, 1, 1e-13) << scale;
  }
}

TEST(SumOfSquares, NonFiniteStaysNonFinite) {
  std::vector<float> x(100, 1.0f);
  x[77] = std::nanf("");
  EXPECT_TRUE(std::isnan(sum_of_squares(std::span<const float>(x))));
  x[77] = INFINITY;
  EXPECT_TRUE(std::isinf(sum_of_squares(std::span<const float>(x))));
}

}  // namespace
}  // namespace laser
