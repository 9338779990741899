// The recursion of second moments against what can be worked out by hand, and against plain simulations of
// few lines that share no code with it. The real code is held against it in tests/verify/recursion_test.cpp.
#include "laser/theory/second_moments.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <tuple>

#include "../power/expect_error.hpp"
#include "laser/theory/influence.hpp"

namespace laser::theory {
namespace {

using Reals = std::vector<double>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

const Quadratic kSmall{3, 4, {1, 0.9, 0.8, 0.7, 0.6, 0.5, 1, 0.9, 0.8, 0.7, 0.6, 0.5}};
const Reals kStart{1, -2, 0.5, 0.3, -0.7, 1.1, 0.2, -0.4, 2, -1, 0.6, 0.9};

QuadraticRound round_of(Sent sent, std::int64_t size) {
  QuadraticRound round;
  round.sent = sent;
  round.size = size;
  round.step = 0.3;
  round.power = 20;
  round.gradient_noise_factor = 0.5;
  round.gradient_variance = 2;
  return round;
}

double sum(const Reals& values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}

// Sums over entries are what they are for equal curvatures: with kept = delta, s^2 = M c^2 A + sigma^2 and
// lambda = D/P
//   A+ = A - 2 delta (B + g c A) + delta (1 + lambda) E, B+ = (1 - delta)(B + g c A), C+ = (1 - delta) E,
//   E = C + 2 g c B + g^2 c^2 A + g^2 s^2.
TEST(SecondMoments, AreThreeNumbersForEqualCurvatures) {
  constexpr double kCurvature = 0.8;
  const Quadratic equal{3, 4, Reals(12, kCurvature)};
  struct Known {
    Sent sent;
    std::int64_t size;
    double kept, symbols;
  };
  for (const auto& [sent, size, kept, symbols] :
       {Known{Sent::everything, 0, 1, 12}, Known{Sent::row_space, 2, 2.0 / 3, 8},
        Known{Sent::column_space, 2, 0.5, 6}, Known{Sent::coordinates, 5, 5.0 / 12, 5}}) {
    const auto round = round_of(sent, size);
    const double lambda = symbols / round.power;
    EXPECT_DOUBLE_EQ(round_influence(equal, round), lambda);
    auto moments = SecondMoments::at(kStart);
    double a = sum(moments.iterate), b = 0, c = 0;
    for (int t = 0; t < 6; ++t) {
      const double step = round.step * kCurvature;
      const double noise = round.step * round.step * (0.5 * kCurvature * kCurvature * a + 2);
      const double message = c + 2 * step * b + step * step * a + noise, along = b + step * a;
      a += -2 * kept * along + kept * (1 + lambda) * message;
      b = (1 - kept) * along;
      c = (1 - kept) * message;
      moments = advance(equal, round, moments);
      EXPECT_NEAR(sum(moments.iterate), a, 1e-12 * a);
      EXPECT_NEAR(sum(moments.cross), b, 1e-12 * a);
      EXPECT_NEAR(sum(moments.memory), c, 1e-12 * a);
      EXPECT_NEAR(sum(moments.own_memory), c, 1e-12 * a) << "one worker is the mean of the workers";
    }
  }
}

TEST(SecondMoments, AllRanksAreZsgd) {
  auto zsgd = round_of(Sent::everything, 0);
  for (const auto& [sent, size, symbols] :
       {std::tuple{Sent::row_space, 3, 12}, std::tuple{Sent::column_space, 4, 12},
        std::tuple{Sent::coordinates, 12, 12}}) {
    auto round = round_of(sent, size);
    auto moments = SecondMoments::at(kStart), plain = moments;
    for (int t = 0; t < 3; ++t) {
      moments = advance(kSmall, round, moments);
      plain = advance(kSmall, zsgd, plain);
    }
    for (std::size_t j = 0; j < 12; ++j) {
      EXPECT_NEAR(moments.iterate[j], plain.iterate[j], 1e-12);
      EXPECT_NEAR(moments.memory[j], 0, 1e-12);
    }
  }
}

TEST(SecondMoments, WithoutAnyNoiseZsgdIsGradientDescent) {
  auto round = round_of(Sent::everything, 0);
  round.power = kInfinity;
  round.gradient_noise_factor = round.gradient_variance = 0;
  const auto next = advance(kSmall, round, SecondMoments::at(kStart));
  for (std::size_t j = 0; j < 12; ++j)
    EXPECT_NEAR(next.iterate[j], std::pow((1 - 0.3 * kSmall.curvature[j]) * kStart[j], 2), 1e-14);
  EXPECT_EQ(round_influence(kSmall, round), 0);
}

// Entry by entry against 400,000 draws of one round of a plain simulation from a known point: relative
// standard errors are below 0.4 %, the limit is 5 of them.
TEST(SecondMoments, AgreeEntryByEntryWithAPlainSimulation) {
  constexpr int kDraws = 400000;
  for (const bool rows : {true, false}) {
    const std::int64_t m = 3, n = 4, side = rows ? m : n;
    const auto round = round_of(rows ? Sent::row_space : Sent::column_space, 1);
    const auto first = advance(kSmall, round, SecondMoments::at(kStart));
    std::mt19937_64 engine(rows ? 1 : 2);
    std::normal_distribution<double> normal;
    Reals iterate(12), cross(12), memory(12);
    for (int i = 0; i < kDraws; ++i) {
      Reals direction(static_cast<std::size_t>(side)), message(12), sent(12, 0.0);
      double length = 0;
      for (double& d : direction) d = normal(engine), length += d * d;
      for (double& d : direction) d /= std::sqrt(length);
      for (std::size_t j = 0; j < 12; ++j) {
        const double g = kSmall.curvature[j] * kStart[j];
        message[j] = round.step * (g + normal(engine) * std::sqrt(0.5 * g * g + 2.0 / 12));
      }
      Reals coefficient(static_cast<std::size_t>(rows ? n : m), 0.0);
      const auto at = [&](std::size_t j) { return rows ? j % 4 : j / 4; };  // of the coefficient
      const auto of = [&](std::size_t j) { return rows ? j / 4 : j % 4; };  // of the direction
      for (std::size_t j = 0; j < 12; ++j) coefficient[at(j)] += direction[of(j)] * message[j];
      double energy = 0;
      for (const double q : coefficient) energy += q * q;
      Reals heard = coefficient;
      for (double& q : heard) q += std::sqrt(energy / round.power) * normal(engine);
      for (std::size_t j = 0; j < 12; ++j) {
        const double x = kStart[j] - direction[of(j)] * heard[at(j)];
        const double e = message[j] - direction[of(j)] * coefficient[at(j)];
        iterate[j] += x * x / kDraws;
        cross[j] += x * e / kDraws;
        memory[j] += e * e / kDraws;
      }
    }
    for (std::size_t j = 0; j < 12; ++j) {
      EXPECT_NEAR(iterate[j], first.iterate[j], 0.02 * first.iterate[j]) << j;
      EXPECT_NEAR(memory[j], first.memory[j], 0.02 * first.memory[j]) << j;
      const double scale = std::sqrt(first.iterate[j] * first.memory[j]);
      EXPECT_NEAR(cross[j], first.cross[j], 0.02 * scale) << j;
    }
  }
}

// sigma^2 only, from the minimum: one round of Z-SGD leaves gamma^2 sigma^2 (1/k)(1 + lambda/k).
TEST(SecondMoments, WorkersAverageTheirNoise) {
  const Reals minimum(12, 0.0);
  for (const std::int64_t k : {1, 2, 4, 16}) {
    auto round = round_of(Sent::everything, 0);
    round.workers = k;
    const auto of_k = static_cast<double>(k);
    const double expected = 0.09 * 2 / of_k * (1 + 12 / round.power / of_k);
    EXPECT_NEAR(sum(advance(kSmall, round, SecondMoments::at(minimum)).iterate), expected, 1e-14);
    // One noise for all, turned: k^2 and the spread.
    round.kind = Workers::rotated;
    round.spread = 1.25;
    const double together = 0.09 * 2 * (1 + 1.25 * 12 / round.power / (of_k * of_k));
    EXPECT_NEAR(sum(advance(kSmall, round, SecondMoments::at(minimum)).iterate), together, 1e-14);
  }
}

TEST(SecondMoments, TotalsAreSums) {
  SecondMoments moments = SecondMoments::at(kStart);
  moments.cross.assign(12, 0.1);
  moments.memory.assign(12, 0.2);
  moments.own_memory.assign(12, 0.3);
  const auto all = totals(kSmall, moments);
  double gap = 0, gradient = 0, distance = 0;
  for (std::size_t j = 0; j < 12; ++j) {
    gap += kSmall.curvature[j] * kStart[j] * kStart[j] / 2;
    gradient += std::pow(kSmall.curvature[j] * kStart[j], 2);
    distance += kStart[j] * kStart[j] - 0.2 + 0.2;
  }
  EXPECT_NEAR(all.gap, gap, 1e-14);
  EXPECT_NEAR(all.squared_gradient, gradient, 1e-14);
  EXPECT_NEAR(all.distance, distance, 1e-14);
  EXPECT_NEAR(all.virtual_gap, gap, 1e-14);
  EXPECT_NEAR(all.memory, 2.4, 1e-14);
  EXPECT_NEAR(all.own_memory, 3.6, 1e-14);
}

TEST(SecondMoments, RefuseWhatDoesNotFit) {
  const auto start = SecondMoments::at(kStart);
  const auto refused = [&](const QuadraticRound& round, const char* part) {
    expect_error([&] { return advance(kSmall, round, start); }, ExitCode::kConfiguration, part);
  };
  refused(round_of(Sent::row_space, 4), "1 to 3 are possible");
  refused(round_of(Sent::column_space, 0), "1 to 4 are possible");
  refused(round_of(Sent::coordinates, 13), "1 to 12 are possible");
  auto round = round_of(Sent::everything, 0);
  round.power = 0;
  refused(round, "the power P is 0");
  round.power = std::nan("");
  refused(round, "the power P is nan");
  round = round_of(Sent::everything, 0);
  round.workers = 0;
  refused(round, "workers k is 0");
  round = round_of(Sent::everything, 0);
  round.gradient_noise_factor = -1;
  refused(round, "noise factor M is -1");
  round = round_of(Sent::everything, 0);
  round.spread = 0.5;
  refused(round, "the spread is 0.5");
  expect_error(
      [&] {
        return advance(kSmall, round_of(Sent::everything, 0), SecondMoments::at({1, 2}));
      },
      ExitCode::kConfiguration, "2 entries: 12 are needed");
}

}  // namespace
}  // namespace laser::theory
