#include "laser/link/units.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "../power/expect_error.hpp"

namespace laser::link {
namespace {

TEST(Units, KnownDecibels) {
  EXPECT_NEAR(to_decibels(2), 3.0103, 5e-5);
  EXPECT_NEAR(to_decibels(18.5), 12.67,
              5e-3);  // the paper's GPT-2: 296 times fewer symbols, 16 times less energy
  EXPECT_NEAR(from_decibels(-30), 1e-3, 1e-15);
  EXPECT_NEAR(watts_of_dbm(23), 0.1995, 5e-5);  // 3GPP power class 3: 200 mW
  EXPECT_NEAR(watts_of_dbm(30), 1, 1e-12);
  EXPECT_NEAR(dbm_of_watts(0.02), 13.0103, 5e-5);
  EXPECT_EQ(to_decibels(0), -INFINITY);
}

TEST(Units, ThermalNoise) {
  // -173.98 dBm/Hz at 290 K; 1 MHz, 180 kHz (an LTE resource block) and 20 MHz with 7 dB.
  EXPECT_NEAR(dbm_of_watts(noise_watts(1, 0)), -173.975, 5e-4);
  EXPECT_NEAR(dbm_of_watts(noise_watts(1e6, 0)), -113.975, 5e-4);
  EXPECT_NEAR(dbm_of_watts(noise_watts(180e3, 0)), -121.42, 5e-3);
  EXPECT_NEAR(dbm_of_watts(noise_watts(20e6, 7)), -93.965, 5e-4);
  EXPECT_NEAR(noise_watts(1, 0), 4.0038821e-21, 1e-28);  // k x 290 K
}

TEST(Units, EnergyOverSymbolsIsTheRatioOfRealAndOfComplexSymbols) {
  EXPECT_DOUBLE_EQ(signal_to_noise_of(250, 1000), 0.25);
  EXPECT_DOUBLE_EQ(power_of(signal_to_noise_of(7, 13), 13), 7);
  // D/2 complex symbols of energy 2 P/D against noise of variance 2 (1 a real part).
  const double power = 250, symbols = 1000;
  EXPECT_DOUBLE_EQ(power / (symbols / kRealPerComplex) / kRealPerComplex, signal_to_noise_of(power, symbols));
}

TEST(Units, AirTimeCountsTwoRealSymbolsAHertzAndSecond) {
  EXPECT_DOUBLE_EQ(air_seconds(40e6, 20e6), 1);
  EXPECT_DOUBLE_EQ(air_seconds(2 * 16.8e6, 20e6, 0.84), 1);  // LTE: 1200 x 14 x 1000 a second
}

TEST(Units, JoulesOverTheAirAreThoseOfTheEnergyRatio) {
  // Received energy P N0/2 with N0 = k T0; 80 dB of loss and 7 dB of noise figure put 87 dB before it.
  EXPECT_NEAR(transmit_joules(1000, 7, 1e-8), 1000 * 4.0038821e-21 / 2 * std::pow(10, 8.7), 1e-15);
  // The same by power and time: SNR x k T0 F B / gain for D/2/B seconds.
  const double symbols = 1e5, power = 2e3, bandwidth = 1e6, gain = 1e-9;
  const double watts = signal_to_noise_of(power, symbols) * noise_watts(bandwidth, 5) / gain;
  EXPECT_NEAR(watts * air_seconds(symbols, bandwidth) / transmit_joules(power, 5, gain), 1, 1e-12);
}

TEST(Units, PowersMayBeInDecibels) {
  EXPECT_EQ(plain_power("power", "10dB"), "10");
  EXPECT_EQ(std::stod(plain_power("power", "-3 dB")), std::pow(10, -0.3));
  EXPECT_EQ(std::stod(plain_power("power", "+3db")), std::pow(10, 0.3));
  EXPECT_EQ(plain_power("power", "250"), "250");
  EXPECT_EQ(plain_power("power", "much"), "much");  // whoever reads the number says what is wrong
  for (const char* wrong : {"dB", "xdB", "nan dB", "1e9dB", "infdB", "1 2dB"})
    expect_error([&] { return plain_power("power", wrong); }, ExitCode::kConfiguration, "decibels");
}

TEST(Units, QuantitiesHaveUnits) {
  EXPECT_DOUBLE_EQ(read_frequency("--carrier", "3.5GHz"), 3.5e9);
  EXPECT_DOUBLE_EQ(read_frequency("--carrier", "20 MHz"), 20e6);
  EXPECT_DOUBLE_EQ(read_frequency("--carrier", "15kHz"), 15e3);
  EXPECT_DOUBLE_EQ(read_frequency("--carrier", "7Hz"), 7);
  EXPECT_DOUBLE_EQ(read_frequency("--carrier", "1e9"), 1e9);
  EXPECT_DOUBLE_EQ(read_distance("--distance", "1.5km"), 1500);
  EXPECT_DOUBLE_EQ(read_distance("--distance", "200m"), 200);
  EXPECT_DOUBLE_EQ(read_distance("--distance", "200"), 200);
  for (const char* wrong : {"", "GHz", "0MHz", "-3GHz", "infHz", "nan", "3.5GHz7", "m"}) {
    expect_error([&] { return read_frequency("--carrier", wrong); }, ExitCode::kConfiguration,
                 "HINT: --carrier 3.5GHz");
    expect_error([&] { return read_distance("--distance", wrong); }, ExitCode::kConfiguration,
                 "HINT: --distance 200m");
  }
}

TEST(Units, RefusesWhatIsNoAmount) {
  const auto wrong = [](auto action) { expect_error(action, ExitCode::kConfiguration, "must be"); };
  wrong([] { return to_decibels(-1); });
  wrong([] { return signal_to_noise_of(1, 0); });
  wrong([] { return signal_to_noise_of(-1, 1); });
  wrong([] { return power_of(-1, 1); });
  wrong([] { return air_seconds(1, 0); });
  wrong([] { return air_seconds(1, 1, 0); });
  wrong([] { return noise_watts(0, 0); });
  wrong([] { return transmit_joules(1, 0, 0); });
}

}  // namespace
}  // namespace laser::link
