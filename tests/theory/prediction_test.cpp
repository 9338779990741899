#include "laser/theory/prediction.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "../power/expect_error.hpp"

namespace laser::theory {
namespace {

TEST(Prediction, WithoutItIsLambda) {
  for (const double lambda : {0.0, 0.3, 7.0}) EXPECT_DOUBLE_EQ(settled_noise(lambda, 0), lambda);
}

TEST(Prediction, SettledNoiseIsTheFixedPoint) {
  for (const double lambda : {0.05, 0.5, 2.0}) {
    for (const double rho : {0.2, 0.6}) {
      for (const double fresh : {0.0, 0.4}) {
        const double settled = settled_noise(lambda, rho, fresh);
        EXPECT_NEAR(predicted_noise(lambda, rho, settled, fresh), settled, 1e-12);
      }
    }
    EXPECT_NEAR(
        settled_noise(lambda, 1 / (1 + lambda)) / (std::pow(lambda, 3) / (1 + lambda + lambda * lambda)), 1,
        1e-12);
  }
  EXPECT_TRUE(std::isinf(settled_noise(1.5, 1)));
}

/// The best prediction of every round, by trying all of them.
TEST(Prediction, MatchedIsTheLeastOverAllPredictions) {
  for (const double lambda : {0.2, 0.9, 1.0, 4.0}) {
    for (const double fresh : {0.0, 0.1, 0.7, 1.0}) {
      double noise = lambda;
      for (int t = 0; t < 3000; ++t) {
        double best = INFINITY;
        for (int i = 0; i <= 1000; ++i)
          best = std::min(best, predicted_noise(lambda, i / 1000.0, noise, fresh));
        noise = best;
      }
      EXPECT_NEAR(noise, matched_noise(lambda, fresh), 2e-3 * std::max(1.0, lambda))
          << lambda << " " << fresh;
    }
    EXPECT_NEAR(matched_noise(lambda), std::max(0.0, lambda - 1), 1e-12);
    EXPECT_NEAR(matched_noise(lambda, 1), lambda, 1e-12);
  }
}

TEST(Prediction, RefusesWhatIsNone) {
  expect_error([] { (void)predicted_noise(-1, 0, 0); }, ExitCode::kConfiguration, "lambda is -1");
  expect_error([] { (void)predicted_noise(1, 1.5, 0); }, ExitCode::kConfiguration, "rho is 1.5");
  expect_error([] { (void)settled_noise(1, 0.5, 2); }, ExitCode::kConfiguration, "the fresh share is 2");
  expect_error([] { (void)matched_noise(NAN); }, ExitCode::kConfiguration, "lambda is nan");
}

}  // namespace
}  // namespace laser::theory
