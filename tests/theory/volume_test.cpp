#include "laser/theory/volume.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "../power/expect_error.hpp"
#include "laser/model/shapes.hpp"

namespace laser::theory {
namespace {

std::int64_t symbols(const char* model, VolumeScheme scheme, std::int64_t rank) {
  return data_volume(model_layout(model), scheme, {.rank = rank}).symbols;
}

TEST(Volume, TableOfSpec7) {
  struct Row {
    std::int64_t rank, gpt2, resnet18, mnist;
  };
  for (const auto& row :
       {Row{1, 219008, 45935, 804}, Row{2, 418816, 82260, 1598}, Row{4, 818432, 154910, 3186},
        Row{8, 1617664, 300210, 6362}, Row{16, 3216128, 587578, 7850}, Row{32, 6413056, 1159242, 7850}}) {
    EXPECT_EQ(symbols("gpt2", VolumeScheme::laser_two_phase, row.rank), row.gpt2) << row.rank;
    EXPECT_EQ(symbols("resnet18_cifar10", VolumeScheme::laser_one_shot, row.rank), row.resnet18) << row.rank;
    EXPECT_EQ(symbols("mnist_linear", VolumeScheme::laser_two_phase, row.rank), row.mnist) << row.rank;
  }
  EXPECT_EQ(symbols("gpt2", VolumeScheme::laser_alt_even, 4), 283392);
  EXPECT_EQ(symbols("gpt2", VolumeScheme::laser_alt_odd, 4), 554240);
}

TEST(Volume, PaperRatios) {
  const auto gpt = model_layout("gpt2");
  EXPECT_NEAR(data_volume(gpt, VolumeScheme::laser_two_phase, {.rank = 4}).compression_ratio, 151.5, 0.05);
  EXPECT_DOUBLE_EQ(data_volume(gpt, VolumeScheme::signum, {}).compression_ratio, 32);
  EXPECT_NEAR(data_volume(gpt, VolumeScheme::sketch, {}).compression_ratio, 5, 1e-4);
}

TEST(Volume, SavesRuleCountsBothFactors) {
  Layout layout;
  layout.add("wide", {10, 512});  // 5120 > 522 r for r <= 9 (spec 2.1)
  layout.add("bias", {512});
  layout.add("tall", {30, 4});
  EXPECT_TRUE(compression_saves(layout.layers[0], 9));
  EXPECT_FALSE(compression_saves(layout.layers[0], 10));
  EXPECT_FALSE(compression_saves(layout.layers[1], 1));
  EXPECT_EQ(effective_rank(layout.layers[2], 100), 4);
  EXPECT_FALSE(compression_saves(layout.layers[2], 100));
  EXPECT_TRUE(compression_saves(layout.layers[2], 3));
}

TEST(Volume, KeepsAtLeastOneCoordinateAndForgivesRounding) {
  EXPECT_EQ(kept_coordinates(3, 0.1), 1);
  EXPECT_EQ(kept_coordinates(100, 0.29), 29);  // 0.29 * 100 is 28.999999999999996
  EXPECT_EQ(kept_coordinates(109, 0.1), 10);
  EXPECT_EQ(kept_coordinates(109, 1), 109);
}

TEST(Volume, NamesAreRead) {
  for (const auto& [name, scheme] : kVolumeSchemes) EXPECT_EQ(parse_volume_scheme(name), scheme);
  expect_error([] { return parse_volume_scheme("laser"); }, ExitCode::kConfiguration,
               "unknown algorithm 'laser': choose one of zsgd,");
}

TEST(Volume, RefusesBadOptions) {
  const auto mnist = model_layout("mnist_linear");
  const auto bad = ExitCode::kConfiguration;
  expect_error([&] { return data_volume(mnist, VolumeScheme::laser_two_phase, {.rank = 0}); }, bad,
               "rank r is 0");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double factor : {0.0, -0.1, 1.1, nan}) {
    expect_error([&] { return data_volume(mnist, VolumeScheme::randomk, {.compression_factor = factor}); },
                 bad, "compression factor is");
  }
  expect_error([] { return data_volume({}, VolumeScheme::zsgd, {}); }, bad, "no tensors");
}

}  // namespace
}  // namespace laser::theory
