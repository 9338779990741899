// The largest magnitude: every length around the vectors, every place, and what is not finite.
#include "laser/kernels/magnitude.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

namespace laser {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class T>
T number(double value) {
  if constexpr (std::is_same_v<T, Bfloat16>) {
    return to_bfloat16(static_cast<float>(value));
  } else {
    return static_cast<T>(value);
  }
}

template <class T>
class Magnitude : public testing::Test {};
using Types = testing::Types<float, double, Bfloat16>;
TYPED_TEST_SUITE(Magnitude, Types);

TYPED_TEST(Magnitude, IsFoundAtEveryPlaceOfEveryLength) {
  EXPECT_EQ(largest_magnitude(std::span<const TypeParam>{}), 0.0);
  for (std::size_t size = 1; size < 300; size += size < 140 ? 1 : 37) {
    for (std::size_t place = 0; place < size; ++place) {
      std::vector<TypeParam> x(size, number<TypeParam>(-0.5));
      x[place] = number<TypeParam>(place % 2 == 0 ? 3.0 : -3.0);
      ASSERT_EQ(largest_magnitude(std::span<const TypeParam>(x)), 3.0) << place << " of " << size;
    }
  }
}

TYPED_TEST(Magnitude, TellsWhatIsNotFiniteWhereverItIs) {
  const std::size_t size = (std::size_t{1} << 19) + 77;  // several pieces
  std::vector<TypeParam> x(size, number<TypeParam>(1e-3));
  for (const std::size_t place : {std::size_t{0}, size / 2, size - 1, std::size_t{1} << 18}) {
    for (const double bad : {kInfinity, -kInfinity, std::nan(""), -std::nan("")}) {
      auto broken = x;
      broken[place] = number<TypeParam>(bad);
      const double found = largest_magnitude(std::span<const TypeParam>(broken));
      EXPECT_EQ(std::isnan(found), std::isnan(bad));
      EXPECT_FALSE(std::isfinite(found));
      broken[(place + 9) % size] = number<TypeParam>(kInfinity);  // NaN outlives what comes after it
      EXPECT_EQ(std::isnan(largest_magnitude(std::span<const TypeParam>(broken))), std::isnan(bad));
    }
  }
}

TEST(MagnitudeOfFloats, KnowsTheLargestAndTheSmallest) {
  const std::vector<float> huge(9, std::numeric_limits<float>::max());
  EXPECT_EQ(largest_magnitude(std::span<const float>(huge)),
            static_cast<double>(std::numeric_limits<float>::max()));
  const std::vector<float> tiny(9, -std::numeric_limits<float>::denorm_min());
  EXPECT_EQ(largest_magnitude(std::span<const float>(tiny)),
            static_cast<double>(std::numeric_limits<float>::denorm_min()));
}

}  // namespace
}  // namespace laser
