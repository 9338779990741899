#include "laser/kernels/sampling.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "every_target.hpp"

namespace laser {
namespace {

StreamKey stream(std::uint32_t round) {
  return {.seed = 99, .purpose = Purpose::kTest, .round = round, .layer = 1, .unit = 2};
}

TEST(FillWords, EqualsRandomWordOnEveryTarget) {
  const StreamKey key = stream(1);
  for_every_target([&] {
    for (const std::uint64_t first :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{6}, (std::uint64_t{1} << 34) - 999}) {
      for (const std::size_t size : {0u, 1u, 2u, 3u, 4u, 63u, 64u, 65u, 128u, 999u}) {
        std::vector<std::uint32_t> words(size);
        fill_words(words, key, first);
        for (std::size_t i = 0; i < size; ++i)
          ASSERT_EQ(words[i], random_word(key, first + i)) << first << " " << i;
      }
    }
  });
  std::vector<std::uint32_t> words(2);
  EXPECT_THROW(fill_words(words, key, (std::uint64_t{1} << 34) - 1), std::logic_error);
}

TEST(SampleWithoutReplacement, EqualsSortingAllIndices) {
  std::uint32_t round = 0;
  for (const std::int64_t population : {1, 2, 7, 100, 2048, 2049, 7840, 140000}) {
    for (const double share : {0.0, 0.01, 0.1, 0.2, 0.5, 0.8, 0.99, 1.0}) {
      const auto count = static_cast<std::int64_t>(std::ceil(share * static_cast<double>(population)));
      const StreamKey key = stream(round++);
      const auto expected = reference::sample_without_replacement(key, population, count);
      EXPECT_EQ(sample_without_replacement(key, population, count), expected) << population << " " << count;
      // A first pass that keeps too few candidates, and too many certain ones, only costs a second one.
      EXPECT_EQ(sample_without_replacement(key, population, count, 0), expected)
          << population << " " << count;
      EXPECT_EQ(sample_without_replacement(key, population, count, 0.2), expected)
          << population << " " << count;
    }
  }
}

TEST(SampleWithoutReplacement, LargePopulation) {
  constexpr std::int64_t kPopulation = 2'359'296, kCount = 471'859;
  const auto chosen = sample_without_replacement(stream(5), kPopulation, kCount);
  ASSERT_EQ(static_cast<std::int64_t>(chosen.size()), kCount);
  EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
  EXPECT_EQ(std::adjacent_find(chosen.begin(), chosen.end()), chosen.end());
  EXPECT_GE(chosen.front(), 0);
  EXPECT_LT(chosen.back(), kPopulation);
  // Mean of the chosen indices: standard error population / sqrt(12 count) * sqrt(0.8) = 887;
  // bound 4.5 of them.
  const double mean = std::accumulate(chosen.begin(), chosen.end(), 0.0) / static_cast<double>(kCount);
  EXPECT_NEAR(mean, 0.5 * (kPopulation - 1), 4000);
}

TEST(SampleWithoutReplacement, EverySubsetIsEquallyLikely) {
  // 24000 draws of 3 of 10: 120 subsets, 200 each; chi-square with 119 degrees of freedom,
  // mean 119, sigma 15.4.
  std::map<std::vector<std::int32_t>, int> counts;
  for (std::uint32_t round = 0; round < 24000; ++round)
    ++counts[sample_without_replacement(stream(round), 10, 3)];
  ASSERT_EQ(counts.size(), 120u);
  double chi_square = 0;
  for (const auto& [subset, count] : counts) chi_square += (count - 200.0) * (count - 200.0) / 200;
  EXPECT_LT(chi_square, 119 + 4 * 15.4);
  EXPECT_GT(chi_square, 119 - 4 * 15.4);
}

TEST(SampleWithoutReplacement, RefusesImpossibleCounts) {
  EXPECT_THROW(sample_without_replacement(stream(0), 3, 4), std::logic_error);
  EXPECT_THROW(sample_without_replacement(stream(0), std::int64_t{1} << 31, 4), std::logic_error);
}

template <class T>
class Coordinates : public testing::Test {};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(Coordinates, Reals);

TYPED_TEST(Coordinates, AreTakenPutBackAndCleared) {
  using T = TypeParam;
  // Beyond a piece and beyond a run, and none at all.
  for (const auto& [population, count] :
       {std::pair{10, 0}, {10, 10}, {1, 1}, {5000, 999}, {200000, 40000}, {700000, 140001}}) {
    const auto indices = sample_without_replacement(stream(7), population, count);
    std::vector<T> x(static_cast<std::size_t>(population)), taken(indices.size()), back(x.size(), T{5});
    std::iota(x.begin(), x.end(), T{1});
    gather(x.data(), indices, taken.data());
    std::vector<T> expected(x.size(), T{0}), cleared = x;
    for (std::size_t j = 0; j < indices.size(); ++j) {
      const auto at = static_cast<std::size_t>(indices[j]);
      ASSERT_EQ(taken[j], x[at]) << population << ' ' << j;
      expected[at] = x[at];
      cleared[at] = 0;
    }
    scatter<T>(taken.data(), indices, back);
    EXPECT_EQ(back, expected) << population;
    clear_at(indices, x.data());
    EXPECT_EQ(x, cleared) << population;
  }
}

}  // namespace
}  // namespace laser
