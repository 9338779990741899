#include "laser/kernels/sketching.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "every_target.hpp"
#include "laser/kernels/normal.hpp"
#include "laser/kernels/sampling.hpp"

namespace laser {
namespace {

StreamKey stream(std::uint32_t round) {
  return {.seed = 99, .purpose = Purpose::kTest, .round = round, .layer = 1, .unit = 2};
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

/// Bucket of coordinate j in the whole sketch, by the definition of its parts.
std::size_t bucket_of(std::size_t j, std::uint32_t word, const std::vector<SketchPart>& parts) {
  for (const auto& part : parts) {
    if (j < part.first + part.size)
      return part.first_bucket + sketch_bucket(word, static_cast<std::uint32_t>(part.buckets));
  }
  return SIZE_MAX;
}

TEST(Sketch, PartsCoverAllCoordinatesAndBuckets) {
  for (const auto& [size, buckets] : {std::pair<std::size_t, std::size_t>{1, 1},
                                      {7, 2},
                                      {100000, kSketchPart},
                                      {100001, kSketchPart + 1},
                                      {1000003, 200000},
                                      {200000, 200000}}) {
    const auto parts = sketch_parts(size, buckets);
    EXPECT_EQ(parts.size() == 1, buckets <= kSketchPart);
    std::size_t coordinates = 0, places = 0;
    for (const auto& part : parts) {
      EXPECT_EQ(part.first, coordinates);
      EXPECT_EQ(part.first_bucket, places);
      EXPECT_GE(part.size, part.buckets);
      EXPECT_LE(part.buckets, kSketchPart);
      EXPECT_NEAR(static_cast<double>(part.size) / static_cast<double>(part.buckets),
                  static_cast<double>(size) / static_cast<double>(buckets), 0.01);
      coordinates += part.size;
      places += part.buckets;
    }
    EXPECT_EQ(coordinates, size);
    EXPECT_EQ(places, buckets);
  }
}

TYPED_TEST(SketchOf, RowsOfAStreamOnEveryTarget) {
  using T = TypeParam;
  constexpr std::size_t kWorkers = 2;
  for (const auto& [size, width] : {std::pair<std::size_t, std::size_t>{785, 78}, {300001, 60000}}) {
    const std::size_t stride = size + 3;
    const auto parts = sketch_parts(size, width);
    std::vector<std::uint32_t> words(size);
    fill_words(words, stream(4));
    std::vector<T> x(kWorkers * stride), expected(kWorkers * width, T{0});
    for (std::size_t j = 0; j < x.size(); ++j) x[j] = static_cast<T>(j % 19) - T{9};
    for (std::size_t i = 0; i < kWorkers; ++i) {
      for (std::size_t j = 0; j < size; ++j) {
        const T number = x[i * stride + j];
        expected[i * width + bucket_of(j, words[j], parts)] += words[j] % 2 == 1 ? -number : number;
      }
    }
    for_every_target([&, size = size, width = width] {
      std::vector<T> buckets(kWorkers * width, T{7}), back(size);
      sketch_rows<T>(x.data(), kWorkers, stride, size, stream(4), buckets);
      EXPECT_EQ(buckets, expected);  // sums of small integers: exact
      unsketch_row<T>(std::span<const T>(buckets).first(width), stream(4), back);
      for (std::size_t j = 0; j < size; ++j) {
        const T bucket = expected[bucket_of(j, words[j], parts)];
        ASSERT_EQ(back[j], words[j] % 2 == 1 ? -bucket : bucket) << j;
      }
    });
  }
}

// E||back - x||^2 = ||x||^2 (d - 1) / b, in parts as in one piece: here 4 parts, and x that is large in one
// of them. 20 streams; the spread is about 1 %.
TEST(Sketch, ErrorEnergyDoesNotDependOnTheParts) {
  constexpr std::size_t kSize = 500000, kBuckets = 100000;
  std::vector<double> x(kSize), buckets(kBuckets), back(kSize);
  fill_normal(std::span(x), stream(5));
  for (std::size_t j = 0; j < kSize / 4; ++j) x[j] *= 10;
  double energy = 0, error = 0;
  for (const double number : x) energy += number * number;
  constexpr int kStreams = 20;
  for (std::uint32_t round = 0; round < kStreams; ++round) {
    sketch_rows<double>(x.data(), 1, kSize, kSize, stream(100 + round), buckets);
    unsketch_row<double>(buckets, stream(100 + round), back);
    for (std::size_t j = 0; j < kSize; ++j) error += (back[j] - x[j]) * (back[j] - x[j]);
  }
  const double expected = energy * (static_cast<double>(kSize) - 1) / static_cast<double>(kBuckets);
  EXPECT_NEAR(error / kStreams / expected, 1, 0.01);
}

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
  sketch<T>(x.data(), words, buckets);
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
