#include "laser/theory/influence.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "../power/expect_error.hpp"
#include "laser/power/factor_split.hpp"

namespace laser::theory {
namespace {

using Reals = std::vector<double>;
using Counts = std::vector<std::int64_t>;

TEST(Influence, IsInverseToTheSignalToNoiseRatio) {
  EXPECT_DOUBLE_EQ(influence_uncompressed(64, 576, 250) * signal_to_noise(64, 576, 250), 1);
}

TEST(Influence, RatioOfBoundsIsTheQuotient) {
  for (const double power : {0.1, 250.0, 1e6}) {
    for (const auto& [m, n] : std::vector<std::pair<int, int>>{{64, 576}, {576, 64}, {8, 8}}) {
      EXPECT_NEAR(influence_bound_ratio(m, n, 4, power) * influence_uncompressed(m, n, power) /
                      influence_one_shot_bound(m, n, 4, power),
                  1, 1e-14);
    }
  }
}

TEST(Influence, OneShotNoiseEqualsLemma8ForOrthogonalTerms) {
  // ||M_r||^2 = sum kappa; with orthogonal rank-one terms the noise energy is ||M_r||^2 lambda (spec 2.4 B).
  const Reals left{2, 1, 0.5};
  const Reals right{1, 1, 1};
  const Reals kappa{4, 1, 0.25};
  const auto split = split_over_ranks(10, 784, 30, kappa);
  EXPECT_NEAR(one_shot_noise_energy(10, 784, left, right, split.left_energies, split.right_energies) / 5.25,
              split.influence, split.influence * 1e-14);
}

TEST(Influence, OneShotNoiseAgreesWithSimulation) {
  // One rank-one term p q^T, p in R^3, q in R^4: E ||(p + |p| z/sqrt a)(q + |q| w/sqrt b)^T - p
  // q^T||^2 by 400,000 draws; the squared error's standard deviation is about 1.3 times its mean, so
  // 1% is 4.9 standard errors.
  std::mt19937_64 generator(7);
  std::normal_distribution<double> normal;
  const double alpha = 5;
  const double beta = 9;
  const int draws = 400000;
  double sum = 0;
  for (int i = 0; i < draws; ++i) {
    Reals p{2, 0, 0};
    Reals q{0, 3, 0, 0};
    Reals noisy_p = p;
    Reals noisy_q = q;
    for (double& value : noisy_p) value += 2 / std::sqrt(alpha) * normal(generator);
    for (double& value : noisy_q) value += 3 / std::sqrt(beta) * normal(generator);
    for (std::size_t a = 0; a < 3; ++a) {
      for (std::size_t b = 0; b < 4; ++b) {
        const double error = noisy_p[a] * noisy_q[b] - p[a] * q[b];
        sum += error * error;
      }
    }
  }
  const double formula = one_shot_noise_energy(3, 4, Reals{2}, Reals{3}, Reals{alpha}, Reals{beta});
  EXPECT_NEAR(sum / draws / formula, 1, 0.01);
}

TEST(Influence, OneShotSkipsEmptyColumns) {
  EXPECT_EQ(one_shot_noise_energy(3, 4, Reals{0, 1}, Reals{5, 0}, Reals{0, 0}, Reals{0, 0}), 0);
  expect_error([] { return one_shot_noise_energy(3, 4, Reals{1}, Reals{1}, Reals{0}, Reals{1}); },
               ExitCode::kConfiguration, "energy of a left column is 0");
}

TEST(Influence, TransportsSendDifferentFactors) {
  EXPECT_DOUBLE_EQ(influence_two_phase(64, 576, 4, 250, 0.5),
                   2 * influence_alternating_even(64, 576, 4, 250));
  EXPECT_DOUBLE_EQ(influence_alternating_even(64, 576, 4, 250), 9.216);
  EXPECT_DOUBLE_EQ(influence_alternating_odd(64, 576, 4, 250), 1.024);
  EXPECT_DOUBLE_EQ(influence_random_k(784, 8), 98);
}

/// Several blocks, one worker: (1/||X||^2) sum_b D_b N_b^2 / p_b (spec 6).
double influence_blocks(const Counts& symbols, const Reals& norms, const Reals& energies) {
  double noise = 0, squares = 0;
  for (std::size_t b = 0; b < symbols.size(); ++b) {
    noise += static_cast<double>(symbols[b]) * norms[b] * norms[b] / energies[b];
    squares += norms[b] * norms[b];
  }
  return noise / squares;
}

TEST(Influence, BlocksFollowTheirAllocation) {
  const Counts symbols{100, 20, 3};
  const Reals norms{2, 5, 1};
  const double power = 7;
  Reals by_norm;
  Reals optimal;
  double optimal_sum = 0;
  for (std::size_t b = 0; b < 3; ++b) optimal_sum += std::sqrt(static_cast<double>(symbols[b])) * norms[b];
  for (std::size_t b = 0; b < 3; ++b) {
    by_norm.push_back(power * norms[b] / 8);
    optimal.push_back(power * std::sqrt(static_cast<double>(symbols[b])) * norms[b] / optimal_sum);
  }
  EXPECT_NEAR(influence_blocks(symbols, norms, by_norm), influence_blocks_norm(symbols, norms, power), 1e-12);
  EXPECT_NEAR(influence_blocks(symbols, norms, optimal), influence_blocks_optimal(symbols, norms, power),
              1e-12);
  EXPECT_LT(influence_blocks_optimal(symbols, norms, power), influence_blocks_norm(symbols, norms, power));
  // One block is Z-SGD's D/P.
  EXPECT_DOUBLE_EQ(influence_blocks_norm(Counts{36}, Reals{1e200}, 4), 9);
}

TEST(Influence, WorkersShareTheNoise) {
  const Reals equal(4, 3.0);
  EXPECT_DOUBLE_EQ(influence_workers(100, 5, equal, 3), influence_workers_equal(100, 5, 4));
  EXPECT_DOUBLE_EQ(influence_workers(100, 5, equal, 1.5), influence_workers_orthogonal(100, 5, 4));
  EXPECT_DOUBLE_EQ(influence_workers_equal(100, 5, 4), 1.25);
}

TEST(Influence, DownlinkCompounds) {
  EXPECT_DOUBLE_EQ(influence_downlink(30, 60), 0.5);
  EXPECT_DOUBLE_EQ(influence_total(0.25, 0.5), 0.875);  // (1 + 0.25)(1 + 0.5) - 1
}

TEST(Influence, RefusesBadArguments) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto bad = ExitCode::kConfiguration;
  for (const double power : {0.0, -3.0, nan}) {
    expect_error([&] { return influence_uncompressed(3, 4, power); }, bad, "the power P is");
    expect_error([&] { return signal_to_noise(3, 4, power); }, bad, "the power P is");
    expect_error([&] { return influence_two_phase(3, 4, 1, power, 0.5); }, bad, "the power P is");
    expect_error([&] { return influence_random_k(3, power); }, bad, "the power P is");
  }
  expect_error([] { return influence_uncompressed(0, 4, 1); }, bad, "rows m is 0");
  expect_error([] { return influence_alternating_even(3, 4, 4, 1); }, bad,
               "rank 4 does not fit a 3 x 4 matrix");
  expect_error([] { return influence_bound_ratio(3, 4, 0, 1); }, bad, "rank 0 does not fit");
  for (const double phi : {0.0, 1.0, nan}) {
    expect_error([&] { return influence_two_phase(3, 4, 1, 1, phi); }, bad, "phi is");
  }
  expect_error([] { return influence_workers_equal(3, 1, 0); }, bad, "workers k is 0");
  expect_error(
      [] {
        return influence_blocks_norm(Counts{1}, Reals{1, 2}, 1);
      },
      bad, "2 entries: 1 are needed");
  expect_error([] { return influence_blocks_norm(Counts{1}, Reals{0}, 1); }, bad, "largest block norm is 0");
}

}  // namespace
}  // namespace laser::theory
