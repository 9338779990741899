// The digital link against its formulas (spec 1.5): bits by capacity, and the quantiser's mean, variance and
// rate by Monte-Carlo.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "laser/channel/channel.hpp"
#include "laser/channel/quantise.hpp"
#include "laser/channel/superposition.hpp"
#include "laser/core/error.hpp"

namespace laser {
namespace {

Link all_of(const Channel& channel, std::size_t workers) {
  return channel.draw({1, Purpose::kFading, 0, 0, 0}, std::vector<char>(workers, 1));
}

double sum(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

// By hand: 4 workers, 12 symbols, 9 each: 3 symbols at a ratio of 3, a bit each; 45 each: ratio
// 15, 2 bits each.
TEST(Digital, BitsAreThoseOfTheCapacityOfEachTurn) {
  const auto channel = make_channel("digital");
  const auto link = all_of(*channel, 4);
  for (const double one : channel->bits(link, 12, std::vector<double>(4, 9.0))) EXPECT_NEAR(one, 3, 1e-12);
  const auto unequal = channel->bits(link, 12, std::vector<double>{9, 45, 0, 9});
  EXPECT_NEAR(unequal[0], 3, 1e-12);
  EXPECT_NEAR(unequal[1], 6, 1e-12);
  EXPECT_EQ(unequal[2], 0.0);
  // Energies so small that 1 + x is 1 in a double: E/(2 ln 2) bits.
  EXPECT_NEAR(channel->bits(link, 12, std::vector<double>(4, 1e-18))[0] / (1e-18 / (2 * std::log(2.0))), 1,
              1e-12);
}

TEST(Digital, WhoIsAwayHasNoTurnAndTheOthersHaveItsTime) {
  const auto channel = make_channel("digital");
  const auto link = channel->draw({1, Purpose::kFading, 0, 0, 0}, {1, 0, 1, 0});
  const auto bits = channel->bits(link, 12, std::vector<double>(4, 18.0));  // 6 symbols at a ratio of 3
  EXPECT_NEAR(bits[0], 6, 1e-12);
  EXPECT_EQ(bits[1], 0.0);
  const auto nobody = channel->draw({1, Purpose::kFading, 0, 0, 0}, {0, 0, 0, 0});
  EXPECT_EQ(sum(channel->bits(nobody, 12, std::vector<double>(4, 18.0))), 0.0);
}

// The sum over the workers is that of the multiple-access channel where budgets are equal, and below it else.
TEST(Digital, TurnsReachTheSumCapacityWhereBudgetsAreEqual) {
  LinkOptions options;
  options.access = "sum_capacity";
  const auto turns = make_channel("digital"), bound = make_channel("digital", options);
  for (const double power : {1e-3, 1.0, 1e4}) {
    const auto link = all_of(*turns, 16);
    const std::vector<double> equal(16, power);
    const double capacity = 500 * std::log1p(16 * power / 1000) / std::log(2.0);
    EXPECT_NEAR(sum(turns->bits(link, 1000, equal)) / capacity, 1, 1e-12);
    EXPECT_NEAR(sum(bound->bits(link, 1000, equal)) / capacity, 1, 1e-12);
    std::vector<double> unequal = equal;
    for (std::size_t i = 0; i < 16; ++i) unequal[i] *= i % 2 == 0 ? 0.25 : 1.75;
    EXPECT_NEAR(sum(bound->bits(link, 1000, unequal)) / capacity, 1, 1e-12);
    EXPECT_LT(sum(turns->bits(link, 1000, unequal)), capacity * (power > 0.5 ? 0.9999 : 1));
  }
}

TEST(Digital, NothingIsAddedInTheAirAndWhoSendsSpendsItsBudget) {
  const auto channel = make_channel("digital");
  EXPECT_TRUE(channel->traits().digital);
  EXPECT_TRUE(channel->traits().noisy);
  EXPECT_FALSE(channel->traits().aligned);
  const auto link = channel->draw({1, Purpose::kFading, 0, 0, 0}, {1, 1, 0});
  const auto scale = channel->superpose(link, std::vector<double>{2, 0.5, 1}, std::vector<double>{3, 5, 7});
  EXPECT_EQ(scale.noise_std, 0.0);
  EXPECT_EQ(scale.weight(0), 0.5);
  EXPECT_EQ(scale.weight(1), 0.5);
  EXPECT_EQ(scale.weight(2), 0.0);
  EXPECT_EQ(scale.spent, (std::vector<double>{3, 5, 0}));
  for (const auto& entry : channels()) {  // the others say so
    if (entry.name != "digital" && entry.needs.empty()) {
      EXPECT_FALSE(channel_traits(entry.name).digital) << entry.name;
    }
  }
}

TEST(Quantiser, TheRateIsTheFinestThatFits) {
  for (const std::int64_t size : {1, 2, 7, 1000}) {
    for (double bits = 0; bits < 12.0 * static_cast<double>(size); bits += 0.37 * static_cast<double>(size)) {
      const auto rate = quantiser_rate(size, bits);
      EXPECT_LE(rate.bits, bits * (1 + 1e-12)) << size << " " << bits;
      const auto numbers = static_cast<double>(size);
      if (rate.numbers == size) {
        EXPECT_NEAR(rate.bits, numbers * std::log2(2 * rate.levels + 1), 1e-9);
        EXPECT_GT(numbers * std::log2(2 * rate.levels + 3), bits * (1 - 1e-12)) << "a level more would fit";
      } else {
        EXPECT_LT(bits, numbers * std::log2(3.0));
        EXPECT_GT(static_cast<double>(rate.numbers + 1) * std::log2(3.0), bits * (1 - 1e-12))
            << "a number more would fit";
        EXPECT_EQ(rate.levels, rate.numbers > 0 ? 1.0 : 0.0);
      }
    }
  }
  EXPECT_EQ(quantiser_rate(10, 1.58).numbers, 0);
  EXPECT_EQ(quantiser_rate(10, 1.59).numbers, 1);
  EXPECT_EQ(quantiser_rate(10, std::nan("")).numbers, 0);
  EXPECT_GT(quantiser_rate(10, 1e9).levels, 1e15);
}

const at::Tensor& numbers() {
  static const auto values = at::tensor({0.7, -0.31, 1.0, -0.05, 0.0, 0.62}, at::kDouble).view({1, 1, 6});
  return values;
}

/// Mean and mean square error [6] over draws with `bits`.
std::pair<at::Tensor, at::Tensor> moments(double bits, int draws) {
  auto mean = at::zeros({6}, at::kDouble), square = at::zeros({6}, at::kDouble);
  for (int t = 0; t < draws; ++t) {
    const StreamKey key{3, Purpose::kQuantising, static_cast<std::uint32_t>(t), 2, 0};
    const auto got = quantise(numbers(), std::vector<double>{bits}, key, 5, 1).symbols.view({6});
    mean += got / draws;
    square += (got - numbers().view({6})).square() / draws;
  }
  return {mean, square};
}

// 20,000 draws; five standard errors, of the square by its largest value.
TEST(Quantiser, IsUnbiasedWithTheVarianceOfItsLevels) {
  constexpr int kDraws = 20000;
  for (const double levels : {1.0, 3.0, 10.0}) {
    const auto [mean, square] = moments(6 * std::log2(2 * levels + 1) + 1e-9, kDraws);
    for (std::int64_t j = 0; j < 6; ++j) {
      const double value = numbers()[0][0][j].item<double>(), level = std::abs(value) * levels;
      const double part = level - std::floor(level), variance = part * (1 - part) / (levels * levels);
      EXPECT_NEAR(mean[j].item<double>(), value, 5 * std::sqrt(variance / kDraws) + 1e-12)
          << levels << " " << j;
      EXPECT_NEAR(square[j].item<double>(), variance, 5 * std::sqrt(variance / kDraws) / levels + 1e-12)
          << levels << " " << j;
    }
  }
}

// Below log2 3 bits a number: three of six, each by its own largest and twice as large. A number is sent with
// probability 1/2, and then is 0 or +-2 M: E Q^2 = 1/2 4 M |v|, averaged over the M of the subsets it is in.
TEST(Quantiser, IsUnbiasedWhereOnlySomeNumbersFit) {
  constexpr int kDraws = 40000;
  const auto [mean, square] = moments(3 * std::log2(3.0) + 1e-9, kDraws);
  const auto values = numbers().view({6});
  for (std::int64_t j = 0; j < 6; ++j) {
    const double value = values[j].item<double>();
    double largest = 0, subsets = 0;
    for (std::int64_t a = 0; a < 6; ++a) {
      for (std::int64_t b = a + 1; b < 6; ++b) {
        if (a == j || b == j) continue;
        largest += std::max(
            {std::abs(value), std::abs(values[a].item<double>()), std::abs(values[b].item<double>())});
        ++subsets;
      }
    }
    EXPECT_EQ(subsets, 10);
    const double variance = 2 * (largest / subsets) * std::abs(value) - value * value;
    EXPECT_NEAR(mean[j].item<double>(), value, 5 * std::sqrt(variance / kDraws) + 1e-12) << j;
    // (Q - v)^2 is at most (2 + 0.7)^2 and differs from its mean by no more than that.
    EXPECT_NEAR(square[j].item<double>(), variance, 5 * 2.7 * 2.7 * std::sqrt(0.25 / kDraws)) << j;
  }
}

TEST(Quantiser, BlocksWorkersGroupsAndRoundsHaveDrawsOfTheirOwn) {
  const auto symbols = at::full({2, 2, 500}, 0.5, at::kDouble);
  symbols.select(2, 0).fill_(1.0);
  const auto draw = [&](std::uint32_t round, std::uint32_t unit, std::int64_t first) {
    return quantise(symbols, std::vector<double>(2, 1000 * std::log2(3.0) + 1),
                    {1, Purpose::kQuantising, round, 0, 0}, unit, first)
        .symbols;
  };
  const auto one = draw(0, 0, 0);
  EXPECT_TRUE(at::equal(one, draw(0, 0, 0)));
  EXPECT_TRUE(at::equal(one[1], draw(0, 0, 1)[0])) << "a worker is the same in whatever process";
  std::vector<at::Tensor> rows{one[0][0], one[0][1],           one[1][0],
                               one[1][1], draw(1, 0, 0)[0][0], draw(0, 1, 0)[0][0]};
  for (std::size_t a = 0; a < rows.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) {  // of 499 coins 249.5 agree, with a standard deviation of 11.2
      const auto same = rows[a].eq(rows[b]).narrow(0, 1, 499).sum().item<double>();
      EXPECT_NEAR(same, 249.5, 5 * 11.2) << a << b;
    }
  }
}

TEST(Quantiser, NothingIsSentWithoutBitsAndZerosStayZero) {
  const auto none = quantise(numbers(), std::vector<double>{1.0}, {}, 0, 0);
  EXPECT_EQ(none.bits[0], 0.0);
  EXPECT_EQ(none.symbols.abs().max().item<double>(), 0.0);
  const auto zeros = quantise(at::zeros({1, 1, 6}), std::vector<double>{100}, {}, 0, 0);
  EXPECT_EQ(zeros.symbols.abs().max().item<double>(), 0.0);
  EXPECT_GT(zeros.bits[0], 0.0);
}

}  // namespace
}  // namespace laser
