#include "laser/theory/channel_noise.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "../power/expect_error.hpp"

namespace laser::theory {
namespace {

using Reals = std::vector<double>;

TEST(ChannelNoise, CommonScaleOfEquation2) {
  EXPECT_DOUBLE_EQ(noise_std(Reals{1, 4}, 16), 0.5);
  EXPECT_EQ(noise_std(Reals{0, 0}, 16), 0);
  EXPECT_EQ(noise_std(Reals{1, 4}, 0), 0);
  EXPECT_EQ(spent_energy(Reals{2, 4}, 16), (Reals{4, 16}));
  EXPECT_EQ(spent_energy(Reals{0, 0}, 16), (Reals{0, 0}));
}

TEST(ChannelNoise, ExtensionsReduceToEquation2) {
  const Reals norms{1, 4, 2};
  const Reals equal(3, 9.0);
  const double reference = noise_std(norms, 9);
  EXPECT_DOUBLE_EQ(noise_std_unequal(norms, equal), reference);
  EXPECT_DOUBLE_EQ(noise_std_csit(norms, Reals{1, -1, 1}, equal), reference);
  EXPECT_DOUBLE_EQ(receive_csir(norms, Reals{1, 1, 1}, equal).standard_deviation, reference);
  EXPECT_DOUBLE_EQ(receive_statistical(norms, equal, 1, 0).standard_deviation, reference);
  EXPECT_EQ(receive_statistical(norms, equal, 1, 0).multiplicative_variance, 0);
  EXPECT_DOUBLE_EQ(noise_std_csit_truncated(norms, Reals{1, 1, 1}, equal, 0.5).standard_deviation, reference);
}

TEST(ChannelNoise, RelaxedPowerConstraintsHaveLessNoise) {
  const Reals norms{1, 4, 2};
  EXPECT_LT(noise_std_sum_power(norms, 9), noise_std(norms, 9));
  EXPECT_DOUBLE_EQ(noise_std_sum_power(Reals{2, 2}, 9), noise_std(Reals{2, 2}, 9));
  const auto saturating = receive_saturating(norms, 9);
  EXPECT_LE(saturating.standard_deviation, noise_std(norms, 9));
  EXPECT_DOUBLE_EQ(saturating.standard_deviation, 1 / (3 + 0.75 + 1.5));
  EXPECT_NEAR(std::accumulate(saturating.weights.begin(), saturating.weights.end(), 0.0), 1, 1e-15);
}

TEST(ChannelNoise, TruncationSilencesTheWeak) {
  const auto noise = noise_std_csit_truncated(Reals{1, 4, 2}, Reals{0.01, 2, 1}, Reals{4, 4, 4}, 0.5);
  EXPECT_EQ(noise.active, (std::vector<std::size_t>{1, 2}));
  EXPECT_DOUBLE_EQ(noise.standard_deviation, 0.5);
  const auto nobody = noise_std_csit_truncated(Reals{1}, Reals{0.1}, Reals{4}, 0.5);
  EXPECT_TRUE(nobody.active.empty());
  EXPECT_EQ(nobody.standard_deviation, 0);
}

TEST(ChannelNoise, NothingToSendLeavesNoNoise) {
  const Reals zero{0, 0};
  const Reals energies{1, 1};
  EXPECT_EQ(receive_csir(zero, Reals{1, 2}, energies).standard_deviation, 0);
  EXPECT_EQ(receive_statistical(zero, energies, 1, 1).error(5), 0);
  EXPECT_EQ(noise_std_csit(zero, Reals{1, 2}, energies), 0);
}

TEST(ChannelNoise, StatisticalErrorAgreesWithSimulation) {
  // Gains N(0.9, 0.2); two scalars; 400,000 draws. Standard error of the mean square about 0.25%; bound 1.2%.
  std::mt19937_64 generator(11);
  std::normal_distribution<double> normal;
  const Reals norms{1, 2};
  const auto reception = receive_statistical(norms, Reals{9, 9}, 0.9, 0.2);
  const double scale = 1.5;  // min_i sqrt(p_i) / N_i
  double sum = 0;
  const int draws = 400000;
  for (int i = 0; i < draws; ++i) {
    double received = normal(generator);
    for (const double message : norms)
      received += (0.9 + std::sqrt(0.2) * normal(generator)) * scale * message;
    const double error = received / (2 * scale * 0.9) - 1.5;
    sum += error * error;
  }
  EXPECT_NEAR(sum / draws / reception.error(1), 1, 0.012);
}

TEST(ChannelNoise, BlindAntennaErrorAgreesWithSimulation) {
  // Unknown phases, A = 3 antennas, k = 2 workers with scalar messages 1 and -0.5, h ~ CN(0, 1), Z with N(0,
  // 1) in both of its parts; 300,000 draws. The squared error's standard deviation is about twice its mean:
  // 0.4% standard error; bound 2%.
  std::mt19937_64 generator(5);
  std::normal_distribution<double> normal(0, std::sqrt(0.5));
  const Reals messages{1, -0.5};
  const int antennas = 3;
  const double energy = 4;
  const double scale = 2;  // sqrt(4) / 1
  double sum = 0;
  double mean = 0;
  const int draws = 300000;
  for (int i = 0; i < draws; ++i) {
    double estimate = 0;
    for (int a = 0; a < antennas; ++a) {
      std::complex<double> pilot;
      std::complex<double> received{std::sqrt(2.0) * normal(generator), std::sqrt(2.0) * normal(generator)};
      for (const double message : messages) {
        const std::complex<double> gain{normal(generator), normal(generator)};
        pilot += gain;
        received += gain * scale * message;
      }
      estimate += std::real(std::conj(pilot) * received);
    }
    estimate /= antennas * scale * 2;
    mean += estimate;
    sum += (estimate - 0.25) * (estimate - 0.25);
  }
  const double formula = blind_antenna_error(Reals{1, 0.5}, energy, 0.5, 1, antennas);
  EXPECT_NEAR(sum / draws / formula, 1, 0.02);
  EXPECT_NEAR(mean / draws, 0.25, 4.5 * std::sqrt(formula / draws));
}

TEST(ChannelNoise, MmseShrinks) {
  const auto mmse = receive_mmse(1.5, 30, 0.2);
  EXPECT_DOUBLE_EQ(mmse.unbiased_error, 1.2);
  EXPECT_DOUBLE_EQ(mmse.weight, 1.5 / 2.7);
  EXPECT_DOUBLE_EQ(mmse.error, 1.5 * 1.2 / 2.7);
  // The weight is the minimiser of (1 - w)^2 S + w^2 D sigma^2.
  const auto error = [](double w) { return (1 - w) * (1 - w) * 1.5 + w * w * 1.2; };
  EXPECT_DOUBLE_EQ(error(mmse.weight), mmse.error);
  EXPECT_GT(error(mmse.weight * 1.01), mmse.error);
  EXPECT_EQ(receive_mmse(0, 30, 0).error, 0);
  EXPECT_DOUBLE_EQ(plug_in_weight(2.4, 30, 0.2), 0.5);
  EXPECT_EQ(plug_in_weight(1, 30, 0.2), 0);
  EXPECT_EQ(plug_in_weight(0, 30, 0.2), 0);
}

TEST(ChannelNoise, RefusesBadArguments) {
  const auto bad = ExitCode::kConfiguration;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect_error([] { return noise_std(Reals{}, 1); }, bad, "workers k is 0");
  expect_error([] { return noise_std(Reals{1}, -1); }, bad, "block energy is -1");
  expect_error([&] { return noise_std(Reals{nan}, 1); }, bad, "entry 0 of the norms is nan");
  expect_error(
      [] {
        return noise_std_unequal(Reals{1, 1}, Reals{1});
      },
      bad, "list of energies has 1 entries");
  expect_error([] { return noise_std_unequal(Reals{1}, Reals{0}); }, bad, "worker's energy is 0");
  expect_error([] { return noise_std_csit(Reals{1}, Reals{0}, Reals{1}); }, bad, "worker 0 has gain 0");
  expect_error([] { return receive_csir(Reals{1}, Reals{-1}, Reals{1}); }, bad,
               "transmitter knowledge is -1");
  expect_error([] { return receive_statistical(Reals{1}, Reals{1}, 0, 1); }, bad, "mean gain is 0");
  expect_error([] { return blind_antenna_error(Reals{1}, 1, 1, 1, 0); }, bad, "antennas A is 0");
  expect_error([] { return receive_saturating(Reals{0}, 1); }, bad, "worker's norm is 0");
  expect_error([] { return receive_mmse(-1, 1, 1); }, bad, "signal energy S is -1");
}

}  // namespace
}  // namespace laser::theory
