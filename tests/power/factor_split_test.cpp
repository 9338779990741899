#include "laser/power/factor_split.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "expect_error.hpp"

namespace laser {
namespace {

using Reals = std::vector<double>;

double amplification(double m, double n, double left, double right) {
  return (1 + m / left) * (1 + n / right);
}

struct Case {
  std::int64_t m, n;
  double energy;
};
const std::vector<Case> kCases = {{64, 576, 250}, {576, 64, 250},    {5, 5, 3},    {1, 1, 1e-3},
                                  {3, 7, 0.5},    {768, 50304, 1e4}, {10, 784, 1}, {1, 100000, 50}};

TEST(FactorSplit, IsTheMinimumAndUsesTheWholeEnergy) {
  for (const auto& [m, n, energy] : kCases) {
    const auto split = split_between_factors(m, n, energy);
    EXPECT_NEAR(split.left_energy + split.right_energy, energy, energy * 1e-15);
    const auto dm = static_cast<double>(m);
    const auto dn = static_cast<double>(n);
    EXPECT_NEAR(split.amplification / amplification(dm, dn, split.left_energy, split.right_energy), 1, 1e-13);
    EXPECT_NEAR(split.influence / (split.amplification - 1), 1, 1e-12);
    for (const double factor : {0.99, 1.01}) {
      const double left = split.left_energy * factor;
      if (left < energy) {
        EXPECT_GT(amplification(dm, dn, left, energy - left), split.amplification) << m << "x" << n;
      }
    }
  }
}

TEST(FactorSplit, StaysUnderTheBoundWhichIsExactForSquares) {
  for (const auto& [m, n, energy] : kCases) {
    const double influence = split_between_factors(m, n, energy).influence;
    const double bound = factor_influence_bound(m, n, energy);
    EXPECT_LE(influence, bound * (1 + 1e-14)) << m << "x" << n << " P=" << energy;
    EXPECT_GE(influence, bound / 4 * (1 - 1e-14)) << "at most four times loose (spec 3.3)";
    const auto square = split_between_factors(m, m, energy);
    EXPECT_NEAR(square.influence / factor_influence_bound(m, m, energy), 1, 1e-14);
  }
}

TEST(FactorSplit, HasTheLimitsOfSpec33WithoutOverflow) {
  EXPECT_NEAR(split_between_factors(9, 400, 1e-200).left_energy / 1e-200, 0.5, 1e-15);
  const auto high = split_between_factors(9, 400, 1e300);
  EXPECT_NEAR(high.left_energy / 1e300, 3.0 / 23, 1e-14);
  EXPECT_NEAR(high.influence * 1e300, 23 * 23, 1e-10);  // (sqrt m + sqrt n)^2 / P survives where f* - 1 is 0
  EXPECT_EQ(high.amplification, 1);
  EXPECT_EQ(split_between_factors(9, 400, 1e-300).influence, std::numeric_limits<double>::infinity());
}

TEST(FactorSplit, SmallerDimensionGetsLess) {
  EXPECT_LT(split_between_factors(64, 65, 1e-4).left_energy, 0.5e-4);
  EXPECT_GT(split_between_factors(65, 64, 1e-4).left_energy, 0.5e-4);
}

TEST(RankSplit, FollowsSquareRootsAndSkipsZeros) {
  const auto split = split_over_ranks(20, 30, 100, Reals{16, 0, 9});
  EXPECT_NEAR(split.energies[0], 400.0 / 7, 1e-12);
  EXPECT_EQ(split.energies[1], 0);
  EXPECT_EQ(split.left_energies[1], 0);
  EXPECT_EQ(split.right_energies[1], 0);
  EXPECT_NEAR(split.energies[2], 300.0 / 7, 1e-12);
  const double expected = 0.64 * split_between_factors(20, 30, split.energies[0]).influence +
                          0.36 * split_between_factors(20, 30, split.energies[2]).influence;
  EXPECT_NEAR(split.influence / expected, 1, 1e-14);
  for (std::size_t j = 0; j < 3; ++j) {
    EXPECT_NEAR(split.left_energies[j] + split.right_energies[j], split.energies[j], 1e-13);
  }
}

TEST(RankSplit, NothingToSend) {
  const auto split = split_over_ranks(4, 4, 1, Reals{0, 0});
  EXPECT_EQ(split.energies, (Reals{0, 0}));
  EXPECT_EQ(split.influence, 0);
}

TEST(RankSplit, DoesNotDependOnTheScaleOfKappa) {
  const auto small = split_over_ranks(64, 576, 50, Reals{7e-300, 2e-300, 1e-300});
  const auto large = split_over_ranks(64, 576, 50, Reals{7e300, 2e300, 1e300});
  for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(small.energies[j] / large.energies[j], 1, 1e-14);
  EXPECT_NEAR(small.influence / large.influence, 1, 1e-14);
}

TEST(RankSplit, StaysUnderTheBoundOfLemma8) {
  for (const auto& [m, n, energy] :
       std::vector<Case>{{64, 576, 250}, {576, 64, 1}, {6, 6, 30}, {10, 784, 1e6}}) {
    for (const Reals& kappa : {Reals{1, 1, 1, 1}, Reals{0.7, 0.2, 0.08, 0.02}, Reals{1, 1e-12, 1e-12, 0}}) {
      EXPECT_LE(split_over_ranks(m, n, energy, kappa).influence,
                rank_influence_bound(m, n, 4, energy) * (1 + 1e-14));
    }
  }
}

// -d f*/dP by the envelope theorem.
double marginal_gain(double m, double n, double left, double right) {
  return (1 + m / left) * n / (right * right);
}

TEST(OptimalRankSplit, EqualisesTheMarginalGains) {
  for (const auto& [m, n] : std::vector<std::pair<int, int>>{{64, 576}, {4608, 512}, {8, 8}, {4, 100000}}) {
    for (const double energy : {1e-6, 1.0, 50.0, 1e4, 1e9}) {
      const Reals kappa{0.7, 0.2, 0.0999, 0.0001};
      const auto split = split_over_ranks(m, n, energy, kappa, RankAllocation::optimal);
      EXPECT_NEAR(std::accumulate(split.energies.begin(), split.energies.end(), 0.0) / energy, 1, 1e-14);
      Reals gains;
      for (std::size_t j = 0; j < 4; ++j) {
        gains.push_back(kappa[j] * marginal_gain(m, n, split.left_energies[j], split.right_energies[j]));
      }
      for (const double gain : gains)
        EXPECT_NEAR(gain / gains[0], 1, 1e-10) << m << "x" << n << " P=" << energy;
      EXPECT_LE(split.influence, split_over_ranks(m, n, energy, kappa).influence * (1 + 1e-13));
    }
  }
}

TEST(OptimalRankSplit, TendsToSquareRootsAtHighAndCubeRootsAtLowPower) {
  const Reals kappa{0.64, 0.36};
  const auto high = split_over_ranks(64, 576, 1e10, kappa, RankAllocation::optimal);
  EXPECT_NEAR(high.energies[0] / 1e10, 0.8 / 1.4, 1e-6);
  const auto low = split_over_ranks(64, 576, 1e-4, kappa, RankAllocation::optimal);
  EXPECT_NEAR(low.energies[0] / low.energies[1], std::cbrt(0.64 / 0.36), 1e-5);
}

TEST(OptimalRankSplit, SkipsZerosAndSharesEqually) {
  const auto split = split_over_ranks(64, 576, 30, Reals{0.5, 0, 0.5}, RankAllocation::optimal);
  EXPECT_NEAR(split.energies[0], 15, 1e-12);
  EXPECT_EQ(split.energies[1], 0);
  EXPECT_NEAR(split.energies[2], 15, 1e-12);
}

TEST(ColumnSplit, FollowsTheNorms) {
  EXPECT_EQ(split_over_columns(8, Reals{1, 3}), (Reals{2, 6}));
  EXPECT_EQ(split_over_columns(8, Reals{0, 0}), (Reals{4, 4}));
  EXPECT_EQ(split_over_columns(0, Reals{1, 3}), (Reals{0, 0}));
  EXPECT_TRUE(split_over_columns(8, Reals{}).empty());
}

TEST(FactorSplit, RefusesBadArguments) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double energy : {0.0, -1.0, nan, std::numeric_limits<double>::infinity()}) {
    expect_error([&] { return split_between_factors(3, 4, energy); }, ExitCode::kConfiguration,
                 "the energy P is");
  }
  expect_error([] { return split_between_factors(0, 4, 1); }, ExitCode::kConfiguration,
               "the number of rows m is 0: it must be at least 1");
  expect_error([] { return split_between_factors(4, -2, 1); }, ExitCode::kConfiguration, "columns n is -2");
  expect_error([] { return split_between_factors(4, std::int64_t{1} << 40, 1); }, ExitCode::kConfiguration,
               "too large");
  expect_error([] { return rank_influence_bound(4, 9, 5, 1); }, ExitCode::kConfiguration,
               "rank 5 does not fit a 4 x 9 matrix: it must lie in 1..4");
  expect_error([] { return split_over_ranks(2, 9, 1, Reals{1, 1, 1}); }, ExitCode::kConfiguration, "rank 3");
  expect_error([] { return split_over_ranks(2, 9, 1, Reals{}); }, ExitCode::kConfiguration, "rank 0");
  expect_error(
      [] {
        return split_over_ranks(2, 9, 1, Reals{1, -1});
      },
      ExitCode::kConfiguration, "entry 1 of kappa");
  expect_error([] { return split_over_columns(-1, Reals{1}); }, ExitCode::kConfiguration,
               "energy of a factor");
}

}  // namespace
}  // namespace laser
