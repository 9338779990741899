#include "laser/link/budget.hpp"

#include <gtest/gtest.h>

#include "../power/expect_error.hpp"
#include "laser/link/units.hpp"

namespace laser::link {
namespace {

Radio street() {
  Radio radio;
  radio.path_loss = parse_path_loss("umi");
  return radio;
}

TEST(Budget, KnownAnswers) {
  // 23 dBm over a street of 200 m at 3.5 GHz: -68.61 dBm, against -93.97 dBm of noise in 20 MHz with 7 dB.
  const auto reception = budget(street());
  EXPECT_NEAR(reception.path_loss_db, 91.61, 5e-3);
  EXPECT_NEAR(reception.received_dbm, -68.61, 5e-3);
  EXPECT_NEAR(reception.noise_dbm, -93.97, 1e-2);
  EXPECT_NEAR(reception.snr_db, 25.35, 1e-2);
  // 20 dBm over 100 m of free space at 2.4 GHz: -60.05 dBm, against -94.97 dBm in 20 MHz with 6 dB.
  Radio free;
  free.transmit_dbm = 20;
  free.distance = 100;
  free.carrier = 2.4e9;
  free.noise_figure_db = 6;
  EXPECT_NEAR(budget(free).snr_db, 34.91, 1e-2);
}

TEST(Budget, EachOfTheThreeCanBeSolvedFor) {
  const auto radio = street();
  const double snr_db = budget(radio).snr_db;
  auto other = radio;
  other.transmit_dbm = -99;
  EXPECT_NEAR(transmit_dbm_for(other, snr_db), radio.transmit_dbm, 1e-9);
  other = radio;
  other.distance = 11;
  EXPECT_NEAR(distance_for(other, snr_db) / radio.distance, 1, 1e-9);
  other = radio;
  other.bandwidth = 7;
  EXPECT_NEAR(bandwidth_for(other, snr_db) / radio.bandwidth, 1, 1e-9);
}

TEST(Budget, TwiceTheBandwidthIsTwiceTheNoise) {
  auto radio = street();
  const double before = budget(radio).snr_db;
  radio.bandwidth *= 2;
  EXPECT_NEAR(before - budget(radio).snr_db, 3.0103, 1e-4);
}

TEST(Budget, RefusesWhatIsNoRadio) {
  auto radio = street();
  radio.bandwidth = 0;
  expect_error([&] { return budget(radio); }, ExitCode::kConfiguration, "the bandwidth");
  radio = street();
  radio.utilisation = 0;
  expect_error([&] { return budget(radio); }, ExitCode::kConfiguration, "the utilisation");
  radio = street();
  radio.distance = 1;
  expect_error([&] { return budget(radio); }, ExitCode::kConfiguration, "10 to 5000 m");
}

}  // namespace
}  // namespace laser::link
