#include "laser/link/path_loss.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "../power/expect_error.hpp"

namespace laser::link {
namespace {

double loss(const char* model, double distance, double carrier) {
  return path_loss_db(parse_path_loss(model), distance, carrier);
}

TEST(PathLoss, FreeSpaceKnownAnswers) {
  // 20 log10(d/km) + 20 log10(f/MHz) + 32.45 (ITU-R P.525).
  EXPECT_NEAR(free_space_db(100, 2.4e9), 80.05, 5e-3);
  EXPECT_NEAR(free_space_db(1, 2.4e9), 40.05, 5e-3);
  EXPECT_NEAR(free_space_db(1000, 5.8e9), 107.72, 5e-3);
  EXPECT_NEAR(free_space_db(10, 28e9), 81.39, 5e-3);
  EXPECT_NEAR(free_space_db(1000, 1e6), 32.45, 5e-3);
  EXPECT_NEAR(free_space_db(35786e3, 12e9), 205.1, 5e-2);  // a geostationary satellite overhead
}

TEST(PathLoss, UrbanModelsInSight) {
  // By hand from TR 38.901, Table 7.4.1-1. UMi, 3.5 GHz: d_BP = 4 x 9 x 0.5 x 3.5/0.3 = 210 m.
  // 200 m: 32.4 + 21 log10(200.181) + 20 log10(3.5) = 32.4 + 48.330 + 10.881.
  EXPECT_NEAR(loss("umi", 200, 3.5e9), 91.61, 5e-3);
  EXPECT_NEAR(loss("umi", 100, 28e9), 103.38, 5e-3);  // 32.4 + 21 log10(100.361) + 28.943
  // 500 m: 32.4 + 40 log10(500.072) + 10.881 - 9.5 log10(210^2 + 8.5^2) = 32.4 + 107.961 + 10.881 - 44.129.
  EXPECT_NEAR(loss("umi", 500, 3.5e9), 107.11, 5e-3);
  // UMa, 3.5 GHz: d_BP = 4 x 24 x 0.5 x 3.5/0.3 = 560 m. 500 m: 28 + 22 log10(500.552) + 10.881.
  EXPECT_NEAR(loss("uma", 500, 3.5e9), 98.27, 5e-3);
  // 1000 m: 28 + 40 log10(1000.276) + 10.881 - 9 log10(560^2 + 23.5^2) = 28 + 120.005 + 10.881 - 49.474.
  EXPECT_NEAR(loss("uma", 1000, 3.5e9), 109.41, 5e-3);
}

TEST(PathLoss, UrbanModelsOutOfSight) {
  // 200 m, 3.5 GHz: 22.4 + 35.3 log10(200.181) + 21.3 log10(3.5) = 22.4 + 81.241 + 11.589.
  EXPECT_NEAR(loss("umi_nlos", 200, 3.5e9), 115.23, 5e-3);
  // 13.54 + 39.08 log10(500.552) + 10.881 = 13.54 + 105.494 + 10.881.
  EXPECT_NEAR(loss("uma_nlos", 500, 3.5e9), 129.915, 5e-3);
  for (const double distance : {10.0, 50.0, 200.0, 1000.0, 5000.0}) {
    EXPECT_GE(loss("umi_nlos", distance, 3.5e9), loss("umi", distance, 3.5e9));
    EXPECT_GE(loss("uma_nlos", distance, 3.5e9), loss("uma", distance, 3.5e9));
  }
}

TEST(PathLoss, UrbanModelsAreContinuousAtTheirBreakpoint) {
  EXPECT_NEAR(loss("umi", 210 - 1e-6, 3.5e9), loss("umi", 210 + 1e-6, 3.5e9), 1e-6);
  EXPECT_NEAR(loss("uma", 560 - 1e-6, 3.5e9), loss("uma", 560 + 1e-6, 3.5e9), 1e-6);
}

TEST(PathLoss, ExponentsStartAtOneMetre) {
  EXPECT_NEAR(loss("exponent=2", 100, 2.4e9), free_space_db(100, 2.4e9), 1e-9);
  EXPECT_NEAR(loss("exponent=3.5", 100, 2.4e9), 40.05 + 70, 5e-3);
}

TEST(PathLoss, DistancesInvertIt) {
  for (const char* model : {"free", "umi", "umi_nlos", "uma", "uma_nlos", "exponent=3.5"}) {
    for (const double distance : {12.0, 150.0, 400.0, 3000.0}) {
      const double found = distance_of_loss(parse_path_loss(model), loss(model, distance, 2e9), 2e9);
      EXPECT_NEAR(found / distance, 1, 1e-9) << model;
    }
  }
  EXPECT_DOUBLE_EQ(distance_of_loss(parse_path_loss("umi"), 300, 2e9), 5000);  // the model's longest
  expect_error([] { return distance_of_loss(parse_path_loss("umi"), 20, 2e9); }, ExitCode::kConfiguration,
               "no distance will do");
}

TEST(PathLoss, RefusesWhatItDoesNotKnow) {
  const auto wrong = [](auto action, const char* part) {
    expect_error(action, ExitCode::kConfiguration, part);
  };
  for (const char* text : {"", "urban", "exponent", "FREE"})
    wrong([&] { return parse_path_loss(text); }, "choose free, umi");
  for (const char* text : {"exponent=", "exponent=x", "exponent=0", "exponent=11", "exponent=nan"})
    wrong([&] { return parse_path_loss(text); }, "exponent");
  wrong([] { return loss("umi", 9, 2e9); }, "outside of the path loss model's range, 10 to 5000 m");
  wrong([] { return loss("uma", 6000, 2e9); }, "outside of the path loss model's range");
  wrong([] { return loss("uma", 100, 0.4e9); }, "0.5 to 100 GHz");
  wrong([] { return loss("umi", 100, 101e9); }, "0.5 to 100 GHz");
  wrong([] { return loss("exponent=3", 0.5, 2e9); }, "range, 1 to");
  wrong([] { return free_space_db(0, 2e9); }, "must be");
  wrong([] { return free_space_db(1, -2e9); }, "must be");
}

}  // namespace
}  // namespace laser::link
