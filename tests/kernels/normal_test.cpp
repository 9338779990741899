#include "laser/kernels/normal.hpp"

#include <Random123/philox.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <vector>

#include "every_target.hpp"
#include "laser/kernels/normal_device.hpp"

namespace laser {
namespace {

StreamKey stream(std::uint64_t seed) {
  return {.seed = seed, .purpose = Purpose::kTest, .round = 7, .layer = 11, .unit = 13};
}

std::vector<float> draw(const StreamKey& key, std::size_t size, std::uint64_t first = 0) {
  std::vector<float> z(size);
  fill_normal(std::span<float>(z), key, first);
  return z;
}

std::vector<float> draw_by_reference(const StreamKey& key, std::size_t size, std::uint64_t first = 0) {
  std::vector<float> z(size);
  for (std::size_t i = 0; i < size; ++i) z[i] = reference::normal(key, first + i);
  return z;
}

/// Equal as bits, so that -0 and 0 differ.
bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::ranges::equal(
      a, b, {}, [](float v) { return std::bit_cast<std::uint32_t>(v); },
      [](float v) { return std::bit_cast<std::uint32_t>(v); });
}

TEST(Philox, PublishedKnownAnswers) {
  constexpr std::uint32_t kOnes = 0xFFFFFFFFu;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (PhiloxBlock{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}));
  EXPECT_EQ(philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (PhiloxBlock{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}));
  EXPECT_EQ(philox({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, {0xa4093822u, 0x299f31d0u}),
            (PhiloxBlock{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}));
}

TEST(Philox, EqualsRandom123) {
  std::mt19937 random(1);
  const auto word = [&random] { return static_cast<std::uint32_t>(random()); };
  for (int i = 0; i < 5000; ++i) {
    const PhiloxBlock counter = {word(), word(), word(), word()};
    const std::array<std::uint32_t, 2> key = {word(), word()};
    const auto expected =
        r123::Philox4x32_R<10>()({{counter[0], counter[1], counter[2], counter[3]}}, {{key[0], key[1]}});
    const PhiloxBlock actual = philox(counter, key);
    for (std::size_t j = 0; j < 4; ++j) ASSERT_EQ(actual[j], expected[j]);
  }
}

TEST(Normal, EveryTargetEqualsTheReferenceBitForBit) {
  // All parts of the key matter: two streams that differ in every part.
  const StreamKey keys[] = {
      stream(1), {.seed = ~0ull, .purpose = Purpose::kNoise, .round = ~0u, .layer = 0xFFFFFFu, .unit = ~0u}};
  for (const StreamKey& key : keys) {
    const std::vector<float> expected = draw_by_reference(key, 100003);
    for_every_target([&] { EXPECT_TRUE(same_bits(draw(key, expected.size()), expected)); });
  }
}

TEST(Normal, AnySliceGivesTheSameBits) {
  const StreamKey key = stream(2);
  const std::vector<float> whole = draw_by_reference(key, 1000);
  for_every_target([&] {
    for (std::uint64_t first = 0; first < 9; ++first) {
      for (std::size_t size = 0; size < 300; ++size) {
        const auto at = whole.begin() + static_cast<std::ptrdiff_t>(first);
        const std::vector<float> expected(at, at + static_cast<std::ptrdiff_t>(size));
        ASSERT_TRUE(same_bits(draw(key, size, first), expected)) << first << " " << size;
      }
    }
  });
}

TEST(Normal, SlicesWhereTheBlockNumberIsLarge) {
  const StreamKey key = stream(3);
  const std::uint64_t end = std::uint64_t{1} << 34;
  for (const std::uint64_t first : {(std::uint64_t{1} << 33) - 77, end - 777}) {
    const std::vector<float> expected = draw_by_reference(key, 777, first);
    for_every_target([&] { EXPECT_TRUE(same_bits(draw(key, 777, first), expected)); });
  }
  std::vector<float> z(2);
  EXPECT_THROW(fill_normal(std::span<float>(z), key, end - 1), std::logic_error);
}

TEST(Normal, DoubleAndAddedNormalsAreTheSameNumbers) {
  const StreamKey key = stream(4);
  for (const std::size_t size : {0u, 1u, 5u, 1023u, 1024u, 5000u}) {
    for (const std::uint64_t first : {0u, 3u, 6u}) {
      const std::vector<float> z = draw_by_reference(key, size, first);
      for_every_target([&] {
        std::vector<double> wide(size), wide_sum(size, 2.0);
        std::vector<float> sum(size, 2.0f);
        fill_normal(std::span<double>(wide), key, first);
        add_normal(std::span<float>(sum), 0.3f, key, first);
        add_normal(std::span<double>(wide_sum), 0.3, key, first);
        for (std::size_t i = 0; i < size; ++i) {
          ASSERT_EQ(wide[i], static_cast<double>(z[i]));
          ASSERT_EQ(sum[i], std::fma(0.3f, z[i], 2.0f));
          ASSERT_EQ(wide_sum[i], std::fma(0.3, static_cast<double>(z[i]), 2.0));
        }
      });
    }
  }
}

TEST(Normal, AddedToBfloat16IsRoundedOnce) {
  const StreamKey key = stream(4);
  for (const std::size_t size : {1u, 5u, 1023u, 5000u}) {
    const std::vector<float> z = draw_by_reference(key, size, 3);
    for_every_target([&] {
      std::vector<Bfloat16> y(size);
      for (std::size_t i = 0; i < size; ++i) y[i] = to_bfloat16(0.001f * static_cast<float>(i % 100));
      std::vector<Bfloat16> sum = y;
      add_normal(std::span<Bfloat16>(sum), 0.3f, key, 3);
      for (std::size_t i = 0; i < size; ++i) {
        ASSERT_EQ(sum[i].bits, to_bfloat16(std::fma(0.3f, z[i], to_float(y[i]))).bits) << i;
      }
    });
  }
  // Not numbers stay so, with whatever payload, and infinities stay infinite.
  for_every_target([&] {
    std::vector<Bfloat16> special = {{0x7f80}, {0xff80}, {0x7f81}, {0xffff}};
    add_normal(std::span<Bfloat16>(special), 1.0f, key);
    EXPECT_EQ(special[0].bits, 0x7f80);
    EXPECT_EQ(special[1].bits, 0xff80);
    EXPECT_TRUE(std::isnan(to_float(special[2])) && std::isnan(to_float(special[3])));
  });
}

/// What the threads of a GPU do, one block each.
template <class Sink>
void write_by_blocks(const StreamKey& key, std::uint64_t first, std::uint64_t size, const Sink& sink) {
  const device::NormalSlice slice{philox_schedule(key), first, size};
  for (std::uint64_t i = slice.blocks(); i-- > 0;) device::write_block(slice, slice.first_block() + i, sink);
}

TEST(NormalDevice, BlocksEqualTheReferenceBitForBit) {
  const StreamKey key = {
      .seed = ~0ull, .purpose = Purpose::kNoise, .round = 5, .layer = 0xFFFFFFu, .unit = ~0u};
  const PhiloxSchedule schedule = philox_schedule(key);
  for (const std::uint32_t block : {0u, 1u, 77u, ~0u}) {
    EXPECT_EQ(philox_block(schedule, block), random_block(key, block));
  }
  for (const std::uint64_t start : {std::uint64_t{0}, (std::uint64_t{1} << 34) - 200}) {
    for (std::uint64_t first = start; first < start + 40; ++first) {
      for (const std::size_t size : {0u, 1u, 2u, 15u, 16u, 17u, 31u, 32u, 33u, 100u, 160u}) {
        const std::vector<float> expected = draw_by_reference(key, size, first);
        std::vector<float> filled(size + 2, -7.0f), sum(size, 2.0f);
        std::vector<double> wide(size, 2.0);
        std::vector<Bfloat16> half(size, to_bfloat16(2.0f));
        write_by_blocks(key, first, size, device::FillNormal<float>{filled.data() + 1});
        write_by_blocks(key, first, size, device::AddNormal<float>{sum.data(), 0.3f});
        write_by_blocks(key, first, size, device::AddNormal<double>{wide.data(), 0.3});
        write_by_blocks(key, first, size, device::AddNormal<Bfloat16>{half.data(), 0.3f});
        ASSERT_EQ(filled.front(), -7.0f);
        ASSERT_EQ(filled.back(), -7.0f);
        ASSERT_TRUE(same_bits({filled.begin() + 1, filled.end() - 1}, expected)) << first << " " << size;
        for (std::size_t i = 0; i < size; ++i) {
          ASSERT_EQ(sum[i], std::fma(0.3f, expected[i], 2.0f));
          ASSERT_EQ(wide[i], std::fma(0.3, static_cast<double>(expected[i]), 2.0));
          ASSERT_EQ(half[i].bits, to_bfloat16(sum[i]).bits);
        }
      }
    }
  }
}

TEST(Normal, BitsDoNotDependOnThreads) {
  constexpr std::size_t kSize = 300'001;
  const StreamKey key = stream(9);
  const int before = omp_get_max_threads();
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 5}) {
    omp_set_num_threads(threads);
    results.push_back(draw(key, kSize, 7));
  }
  omp_set_num_threads(before);
  EXPECT_TRUE(same_bits(results[0], results[1]));
  EXPECT_TRUE(same_bits(results[0], results[2]));
  EXPECT_TRUE(same_bits({results[0].end() - 9, results[0].end()}, draw_by_reference(key, 9, 7 + kSize - 9)));
}

TEST(Normal, DefinitionIsPinned) {
  // Records of runs depend on these bits: whoever changes them must make the records anew.
  const StreamKey key = {.seed = 1, .purpose = Purpose::kNoise, .round = 2, .layer = 3, .unit = 4};
  const std::uint64_t indices[] = {0, 1, 15, 16, 31, 32, 12345678901};
  const std::uint32_t expected[] = {0x3F3A9007, 0x3EA8FFFA, 0xBEB7FEEE, 0x3E017484,
                                    0x3F0DFEE9, 0xBEA986E1, 0x3ED64A5F};
  for (std::size_t i = 0; i < std::size(indices); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(reference::normal(key, indices[i])), expected[i]) << i;
  }
}

/// Box-Muller in double from the same words: 31 bits of the radius, a sign, 32 bits of the angle.
double exact_normal(std::uint32_t word, std::uint32_t turn, bool sine) {
  const double u = (static_cast<double>(word >> 1) + 0.5) * 0x1p-31;
  const double angle = std::numbers::pi * static_cast<double>(static_cast<std::int32_t>(turn)) * 0x1p-32;
  const double radius = std::sqrt(-2 * std::log(u));
  if (sine) return radius * std::sin(angle);
  return (word % 2 == 1 ? -radius : radius) * std::cos(angle);
}

/// What float may lose. Rounding u is felt where u is near 1: r^2 = -2 log u changes by 2^-24, beside
/// the roundings of the transform, which are relative to the radius for the cosine and to the number
/// itself for the sine.
double tolerance(std::uint32_t word, std::uint32_t turn, bool sine) {
  const double square = -2 * std::log((static_cast<double>(word >> 1) + 0.5) * 0x1p-31);
  const double radius = std::sqrt(square), scale = sine ? std::abs(exact_normal(word, turn, true)) : radius;
  return scale * (6 * 0x1p-24 + 0x1p-24 / square);
}

TEST(Normal, FewUlpFromBoxMullerInDouble) {
  std::mt19937 random(2);
  double worst = 0;
  for (int i = 0; i < 400000; ++i) {
    const auto word = static_cast<std::uint32_t>(random());
    const auto turn = static_cast<std::uint32_t>(random());
    const bool sine = i % 2 == 1;
    const double error = std::abs(static_cast<double>(reference::box_muller(word, turn, sine)) -
                                  exact_normal(word, turn, sine));
    worst = std::max(worst, error / tolerance(word, turn, sine));
  }
  EXPECT_LT(worst, 1);
  EXPECT_GT(worst, 0.1);  // the bound is not idle
}

TEST(Normal, ExtremeWords) {
  const double largest = std::sqrt(64 * std::numbers::ln2);  // 6.66
  EXPECT_NEAR(reference::box_muller(0, 0, false), largest, 1e-6);
  EXPECT_NEAR(reference::box_muller(1, 0, false), -largest, 1e-6);
  EXPECT_NEAR(reference::box_muller(0, 1u << 31, true), -largest, 1e-6);
  EXPECT_EQ(reference::box_muller(0xFFFFFFFFu, 0, false), 0);
  constexpr std::uint32_t kWords[] = {0, 1, 2, 3, 0x7FFFFFFFu, 0x80000000u, 0xB504F333u, 0xFFFFFF00u};
  constexpr std::uint32_t kEighth = 1u << 29;
  for (const std::uint32_t word : kWords) {
    for (std::uint32_t eighth = 0; eighth < 8; ++eighth) {
      for (const std::uint32_t turn : {eighth * kEighth - 1, eighth * kEighth, eighth * kEighth + 1}) {
        for (const bool sine : {false, true}) {
          EXPECT_NEAR(static_cast<double>(reference::box_muller(word, turn, sine)),
                      exact_normal(word, turn, sine), tolerance(word, turn, sine))
              << word << " " << turn;
        }
      }
    }
  }
}

TEST(Normal, Moments) {
  // n = 1e7: standard errors of the mean of z, z^2, z^3, z^4 are sqrt(1, 2, 15, 96) / sqrt(n); bounds
  // are 4.5 of them.
  constexpr std::size_t kSize = 10'000'000;
  const std::vector<float> z = draw(stream(5), kSize);
  double sums[4] = {};
  for (const float v : z) {
    double power = 1;
    for (double& sum : sums) sum += power *= static_cast<double>(v);
  }
  const double expected[4] = {0, 1, 0, 3}, variance[4] = {1, 2, 15, 96};
  for (int p = 0; p < 4; ++p)
    EXPECT_NEAR(sums[p] / kSize, expected[p], 4.5 * std::sqrt(variance[p] / kSize)) << p + 1;
}

TEST(Normal, KolmogorovSmirnov) {
  // n = 1e6 of each of the four numbers of a block (its two cosines and its two sines): sqrt(n) D
  // exceeds 1.95 with probability 0.001.
  constexpr std::size_t kSize = 1'000'000;
  const std::vector<float> z = draw(stream(6), 4 * kSize);
  for (std::size_t part = 0; part < 4; ++part) {
    std::vector<float> sorted(kSize);
    for (std::size_t i = 0; i < kSize; ++i) sorted[i] = z[i / 8 * 32 + part / 2 * 16 + i % 8 * 2 + part % 2];
    std::sort(sorted.begin(), sorted.end());
    double distance = 0;
    for (std::size_t i = 0; i < kSize; ++i) {
      const double probability = 0.5 * std::erfc(-static_cast<double>(sorted[i]) / std::numbers::sqrt2);
      distance = std::max({distance, probability - static_cast<double>(i) / kSize,
                           static_cast<double>(i + 1) / kSize - probability});
    }
    EXPECT_LT(std::sqrt(static_cast<double>(kSize)) * distance, 1.95) << part;
  }
}

TEST(Normal, Tails) {
  // n = 4e7: P(|Z| > 4) = 6.334e-5, expected 2534 +- 50; P(|Z| > 5) = 5.733e-7, expected 22.9 +- 4.8;
  // bounds 4.5 sigma.
  constexpr std::size_t kChunk = 1'000'000;
  int over4 = 0, over5 = 0;
  for (std::uint64_t chunk = 0; chunk < 40; ++chunk) {
    for (const float v : draw(stream(7), kChunk, chunk * kChunk)) {
      over4 += std::abs(v) > 4 ? 1 : 0;
      over5 += std::abs(v) > 5 ? 1 : 0;
    }
  }
  EXPECT_NEAR(over4, 2534, 227);
  EXPECT_NEAR(over5, 22.9, 21.6);
}

TEST(Normal, StreamsAreUncorrelated) {
  // n = 1e6: a correlation has standard error 0.001; the bound is 4.5 of them. Keys that differ in one part
  // each, and one stream against itself shifted.
  constexpr std::size_t kSize = 1'000'000;
  const StreamKey base = stream(8);
  std::vector<StreamKey> others(5, base);
  others[0].seed += 1;
  others[1].purpose = Purpose::kNoise;
  others[2].round += 1;
  others[3].layer += 1;
  others[4].unit += 1;
  const std::vector<float> z = draw(base, kSize + 64);
  const auto correlation = [&](const float* other) {
    double sum = 0;
    for (std::size_t i = 0; i < kSize; ++i) sum += static_cast<double>(z[i]) * static_cast<double>(other[i]);
    return sum / kSize;
  };
  for (const StreamKey& key : others) EXPECT_LT(std::abs(correlation(draw(key, kSize).data())), 0.0045);
  for (std::size_t lag = 1; lag <= 64; ++lag) EXPECT_LT(std::abs(correlation(z.data() + lag)), 0.0045) << lag;
  EXPECT_NEAR(correlation(z.data()), 1, 0.01);
}

}  // namespace
}  // namespace laser
