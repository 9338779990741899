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
  for (const std::int64_t population : {1, 2, 7, 100, 2048, 2049, 7840}) {
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
  // Mean of the chosen indices: standard error population / sqrt(12 count) * sqrt(0.8) = 887; bound 4.5 of
  // them.
  const double mean = std::accumulate(chosen.begin(), chosen.end(), 0.0) / static_cast<double>(kCount);
  EXPECT_NEAR(mean, 0.5 * (kPopulation - 1), 4000);
}

TEST(SampleWithoutReplacement, EverySubsetIsEquallyLikely) {
  // 24000 draws of 3 of 10: 120 subsets, 200 each; chi-square with 119 degrees of freedom, mean 119,
  // sigma 15.4.
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

TEST(Sketch, BucketAndSignOfAWord) {
  EXPECT_EQ(sketch_bucket(0, 10), 0u);
  EXPECT_EQ(sketch_bucket(0xFFFFFFFFu, 10), 9u);
  EXPECT_EQ(sketch_bucket(0x80000000u, 10), 5u);
  EXPECT_EQ(sketch_sign(0xFFFFFFFEu), 1);
  EXPECT_EQ(sketch_sign(1), -1);
}

template <class T>
class SketchOf : public testing::Test {};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(SketchOf, Reals);

TYPED_TEST(SketchOf, SumsSignedEntriesAndReadsThemBack) {
  using T = TypeParam;
  constexpr std::size_t kSize = 1000, kBuckets = 37;
  std::vector<std::uint32_t> words(kSize);
  fill_words(words, stream(3));
  std::vector<T> x(kSize), buckets(kBuckets, T{1}), expected(kBuckets, T{1}), back(kSize);
  for (std::size_t j = 0; j < kSize; ++j) {
    x[j] = static_cast<T>(j % 17) - T{8};
    const auto bucket =
        static_cast<std::size_t>(std::floor(static_cast<double>(words[j]) * 0x1p-32 * kBuckets));
    expected[bucket] += words[j] % 2 == 1 ? -x[j] : x[j];
  }
  sketch(x.data(), kSize, words, std::span<T>(buckets));
  EXPECT_EQ(buckets, expected);  // sums of small integers: exact
  unsketch<T>(buckets, words, back.data());
  for (std::size_t j = 0; j < kSize; ++j) {
    const auto bucket =
        static_cast<std::size_t>(std::floor(static_cast<double>(words[j]) * 0x1p-32 * kBuckets));
    ASSERT_EQ(back[j], words[j] % 2 == 1 ? -expected[bucket] : expected[bucket]);
  }
}

}  // namespace
}  // namespace laser
