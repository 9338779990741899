// Augmented images against their definition written out pixel by pixel; the
// choices' distribution and addresses.
#include "laser/data/augmentation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "laser/data/training_batches.hpp"
#include "synthetic_images.hpp"

namespace laser {
namespace {

std::tuple<int, int, bool> tuple_of(const Crop& crop) { return {crop.top, crop.left, crop.flip}; }

/// Value (channel, y, x) of the cropped and then mirrored image, normalised in double precision.
double expected_value(const std::uint8_t* image, const Crop& crop, int channel, int y, int x) {
  const Normalization n;
  const int column = (crop.flip ? 31 - x : x) + crop.left - 4, row = y + crop.top - 4;
  const bool inside = row >= 0 && row < 32 && column >= 0 && column < 32;
  const double value = inside ? image[1024 * channel + 32 * row + column] : 0;
  const auto c = static_cast<std::size_t>(channel);
  return (value / 255 - n.mean[c]) / n.deviation[c];
}

TEST(Augmentation, EveryCropIsItsDefinitionInBothLayouts) {
  const SyntheticImages images(2);
  std::vector<float> first(3072), last(3072);
  for (int top = 0; top <= 8; ++top) {
    for (int left = 0; left <= 8; ++left) {
      for (const bool flip : {false, true}) {
        const Crop crop{top, left, flip};
        const auto* image = (*images).image(1);
        write_image(image, crop, {}, PixelLayout::kChannelsFirst, first.data());
        write_image(image, crop, {}, PixelLayout::kChannelsLast, last.data());
        for (int c = 0; c < 3; ++c) {
          for (int y = 0; y < 32; ++y) {
            for (int x = 0; x < 32; ++x) {
              const auto planar = first[static_cast<std::size_t>(1024 * c + 32 * y + x)];
              ASSERT_EQ(planar, last[static_cast<std::size_t>(3 * (32 * y + x) + c)]);
              ASSERT_NEAR(planar, expected_value(image, crop, c, y, x), 1e-6);
            }
          }
        }
      }
    }
  }
}

// Images of 16 x 16 and 8 x 8: means of squares, cropped with a border in proportion, against the definition.
TEST(Augmentation, SmallerImagesAreMeansOfSquaresUnderCropsInProportion) {
  const SyntheticImages images(2);
  const auto* image = (*images).image(1);
  const Normalization n;
  for (const int side : {16, 8}) {
    const int f = 32 / side, border = side / 8;
    const ImageFormat planar(PixelLayout::kChannelsFirst, side), pixels(PixelLayout::kChannelsLast, side);
    ASSERT_EQ(planar.values(), static_cast<std::size_t>(3 * side * side));
    std::vector<float> first(planar.values()), last(planar.values());
    for (int top = 0; top <= 2 * border; ++top) {
      for (const bool flip : {false, true}) {
        const int left = 2 * border - top;
        const Crop crop{top, left, flip};
        write_image(image, crop, n, planar, first.data());
        write_image(image, crop, n, pixels, last.data());
        for (int c = 0; c < 3; ++c) {
          for (int y = 0; y < side; ++y) {
            for (int x = 0; x < side; ++x) {
              const int row = y + top - border, column = (flip ? side - 1 - x : x) + left - border;
              double mean = 0;
              if (row >= 0 && row < side && column >= 0 && column < side) {
                for (int j = 0; j < f * f; ++j)
                  mean += image[1024 * c + 32 * (row * f + j / f) + column * f + j % f] / double(f * f);
              }
              const auto channel = static_cast<std::size_t>(c);
              const double expected = (mean / 255 - n.mean[channel]) / n.deviation[channel];
              const auto value = first[static_cast<std::size_t>(side * side * c + side * y + x)];
              ASSERT_NEAR(value, expected, 1e-5);
              ASSERT_EQ(value, last[static_cast<std::size_t>(3 * (side * y + x) + c)]);
            }
          }
        }
      }
    }
    std::set<std::tuple<int, int, bool>> crops;
    for (int i = 0; i < 3000; ++i) crops.insert(tuple_of(random_crop(7, 3, i, border)));
    EXPECT_EQ(crops.size(), static_cast<std::size_t>(2 * (2 * border + 1) * (2 * border + 1)));
  }
}

TEST(Augmentation, ChoicesAreAddressedBySeedEpochAndImage) {
  std::vector<std::tuple<int, int, bool>> base, seed, epoch, image;
  for (int i = 0; i < 50; ++i) {
    base.push_back(tuple_of(random_crop(1, 2, i)));
    seed.push_back(tuple_of(random_crop(2, 2, i)));
    epoch.push_back(tuple_of(random_crop(1, 3, i)));
    image.push_back(tuple_of(random_crop(1, 2, i + 50)));
    EXPECT_EQ(base.back(), tuple_of(random_crop(1, 2, i)));
  }
  EXPECT_NE(base, seed);
  EXPECT_NE(base, epoch);
  EXPECT_NE(base, image);
  // A promise: runs of other versions must repeat these bits.
  EXPECT_EQ(tuple_of(random_crop(1, 0, 0)), std::make_tuple(2, 6, true));
  EXPECT_EQ(tuple_of(random_crop(1, 149, 49999)), std::make_tuple(7, 7, true));
}

// Chi-squared of 162 equally likely crops over 50,000 images, 161 degrees of freedom: 99.9 % lie below 223.
TEST(Augmentation, AllCropsAreEquallyLikely) {
  std::map<std::tuple<int, int, bool>, int> counts;
  for (int i = 0; i < 50000; ++i) ++counts[tuple_of(random_crop(7, 3, i))];
  ASSERT_EQ(counts.size(), 162u);
  double chi_squared = 0;
  for (const auto& [crop, count] : counts)
    chi_squared += std::pow(count - 50000.0 / 162, 2) / (50000.0 / 162);
  EXPECT_LT(chi_squared, 223);
  EXPECT_EQ(std::get<0>(counts.begin()->first), 0);
  EXPECT_EQ(std::get<0>(counts.rbegin()->first), 8);
}

TEST(Augmentation, WithoutItImagesAreOnlyNormalised) {
  const SyntheticImages images(3);
  const std::vector<std::int32_t> numbers{2, 0};
  std::vector<float> pixels(2 * 3072);
  std::vector<std::int64_t> labels(2);
  write_images(*images, numbers, {1, 1, false}, PixelLayout::kChannelsFirst, pixels, labels);
  EXPECT_EQ(labels, (std::vector<std::int64_t>{2, 0}));
  const Normalization n;
  for (std::size_t i = 0; i < 3072; ++i) {
    const auto c = i / 1024;
    EXPECT_NEAR(pixels[i], ((*images).image(2)[i] / 255.0 - n.mean[c]) / n.deviation[c], 1e-6);
    EXPECT_NEAR(pixels[3072 + i], ((*images).image(0)[i] / 255.0 - n.mean[c]) / n.deviation[c], 1e-6);
  }
}

TEST(TrainingBatches, HoldTheShardsOfTheWorkers) {
  const SyntheticImages images(43);
  const Sharding sharding(43, 4, 3, 11);  // shards of 10, so rounds of 3, 3, 3 and 1 images
  TrainingBatches batches(*images, sharding, {0, 4}, 11, PixelLayout::kChannelsFirst, true);
  ImageBatch batch;
  std::vector<float> one(3072);
  for (std::int64_t round = 0; round < 8; ++round) {
    batches.fill(round, batch);
    const auto epoch = round / 4, step = round % 4;
    ASSERT_EQ(batch.images_per_worker, step < 3 ? 3 : 1);
    ASSERT_EQ(batch.numbers.size(), static_cast<std::size_t>(4 * batch.images_per_worker));
    ASSERT_EQ(batch.pixels.size(), 3072 * batch.numbers.size());
    std::size_t at = 0;
    for (std::int64_t worker = 0; worker < 4; ++worker) {
      const auto order = sharding.epoch_order(epoch, worker);
      for (const auto number : sharding.batch(order, step)) {
        EXPECT_EQ(batch.numbers[at], number);
        EXPECT_EQ(batch.labels[at], number % 10);
        write_image((*images).image(number), random_crop(11, epoch, number), {}, PixelLayout::kChannelsFirst,
                    one.data());
        EXPECT_TRUE(std::equal(one.begin(), one.end(),
                               batch.pixels.begin() + static_cast<std::ptrdiff_t>(3072 * at)));
        ++at;
      }
    }
  }
}

TEST(TrainingBatches, ARoundDoesNotDependOnTheOnesBeforeIt) {
  const SyntheticImages images(40);
  const Sharding sharding(40, 2, 6, 3);
  TrainingBatches straight(*images, sharding, {0, 2}, 3, PixelLayout::kChannelsLast, true);
  TrainingBatches jumping(*images, sharding, {0, 2}, 3, PixelLayout::kChannelsLast, true);
  TrainingBatches second_worker(*images, sharding, {1, 1}, 3, PixelLayout::kChannelsLast, true);
  std::vector<ImageBatch> all(12);
  for (std::size_t round = 0; round < 12; ++round)
    straight.fill(static_cast<std::int64_t>(round), all[round]);
  ImageBatch batch;
  for (const std::int64_t round : {7, 2, 11, 0, 3}) {
    const auto& expected = all[static_cast<std::size_t>(round)];
    jumping.fill(round, batch);
    EXPECT_EQ(batch.pixels, expected.pixels);
    EXPECT_EQ(batch.labels, expected.labels);
    second_worker.fill(round, batch);
    const auto half = static_cast<std::ptrdiff_t>(expected.pixels.size() / 2);
    EXPECT_EQ(batch.pixels, std::vector<float>(expected.pixels.begin() + half, expected.pixels.end()));
  }
  EXPECT_NE(all[0].pixels, all[4].pixels);
}

}  // namespace
}  // namespace laser
