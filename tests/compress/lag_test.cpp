// The lag of the error memory against the numbers of the paper's models and against its own definition.
#include "laser/compress/lag.hpp"

#include <gtest/gtest.h>

#include "../power/expect_error.hpp"

namespace laser {
namespace {

constexpr auto kBoth = FactorsPerRound::both;

// spec 5.3: ResNet18 230 rounds, GPT-2 300-380.
TEST(Lag, PapersModels) {
  EXPECT_NEAR(error_memory_lag(512, 4608, 4), 230.4, 1e-9);
  EXPECT_NEAR(error_memory_lag(3072, 768, 4), 307.2, 1e-9);
  EXPECT_NEAR(error_memory_lag(50304, 768, 4), 378.2255639, 1e-6);
}

TEST(Lag, HoldsForBothOrientations) {
  EXPECT_DOUBLE_EQ(error_memory_lag(512, 4608, 4), error_memory_lag(4608, 512, 4));
  EXPECT_DOUBLE_EQ(error_memory_lag(512, 4608, 4, kBoth), error_memory_lag(4608, 512, 4, kBoth));
}

// Width s, rank s: the same number of rounds.
TEST(Lag, DoesNotShrinkWithTheWidth) {
  for (const auto factors : {FactorsPerRound::one, kBoth}) {
    EXPECT_DOUBLE_EQ(error_memory_lag(128, 1152, 1, factors), error_memory_lag(512, 4608, 4, factors));
    EXPECT_GT(error_memory_lag(128, 1152, 1, factors), error_memory_lag(128, 1152, 2, factors));
  }
}

// Full rank sends everything at once: one round with both factors, and with one factor of a square matrix.
TEST(Lag, IsOneRoundAtFullRank) {
  EXPECT_DOUBLE_EQ(error_memory_lag(7, 7, 7), 1);
  EXPECT_DOUBLE_EQ(error_memory_lag(7, 31, 7, kBoth), 1);
  EXPECT_DOUBLE_EQ(error_memory_lag(1, 1, 1, kBoth), 1);
}

// Both factors take nearly twice as much out of the memory as one: 1/lag = a + b - ab against (a + b)/2.
TEST(Lag, BothFactorsNearlyHalveIt) {
  const double one = error_memory_lag(512, 4608, 4);
  EXPECT_NEAR(1 / error_memory_lag(512, 4608, 4, kBoth), 2 / one - 4.0 / 512 * 4.0 / 4608, 1e-15);
}

TEST(Lag, OfAModelIsThatOfItsLargestCompressedTensor) {
  Layout layout;
  layout.add("bias", {4096});
  layout.add("small", {64, 64});
  layout.add("convolution", {64, 32, 3, 3});  // 64 x 288
  layout.add("thin", {20000, 2});             // the largest, but rank 2 of it would not save
  EXPECT_DOUBLE_EQ(error_memory_lag(layout, 2), error_memory_lag(64, 288, 2));
  EXPECT_DOUBLE_EQ(error_memory_lag(layout, 1), error_memory_lag(20000, 2, 1));
  EXPECT_DOUBLE_EQ(error_memory_lag(layout, 2, kBoth), error_memory_lag(64, 288, 2, kBoth));
  EXPECT_EQ(error_memory_lag(layout, 1000), 0);  // nothing is compressed
  EXPECT_EQ(error_memory_lag(Layout{}, 4), 0);
}

TEST(Lag, RefusesWhatHasNoLag) {
  expect_error([] { return error_memory_lag(4, 8, 5); }, ExitCode::kConfiguration,
               "rank 5 does not fit a 4 x 8 matrix");
  expect_error([] { return error_memory_lag(4, 8, 0); }, ExitCode::kConfiguration, "rank 0");
  expect_error([] { return error_memory_lag(0, 8, 1); }, ExitCode::kConfiguration, "rows");
  Layout layout;
  layout.add("weight", {64, 64});
  expect_error([&] { return error_memory_lag(layout, 0); }, ExitCode::kConfiguration, "rank");
}

}  // namespace
}  // namespace laser
