// Symbols that are scaled by expected norms against the formulas of spec 1.2, and what makes no sense with
// them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "../contract/laws.hpp"

namespace laser {
namespace {

using laws::random_gradients;

constexpr std::int64_t kWorkers = 3;
constexpr std::int64_t kSize = 20000;
constexpr double kPower = 7;

Layout one_vector() {
  Layout layout;
  layout.add("w", {kSize});
  return layout;
}

/// Gradients of unit length times the workers' norms of a round.
at::Tensor gradients_of(std::uint32_t round, const std::vector<double>& norms) {
  auto gradients = random_gradients(kWorkers, kSize, round);
  for (std::int64_t i = 0; i < kWorkers; ++i)
    gradients[i].mul_(norms[static_cast<std::size_t>(i)] / gradients[i].norm().item<double>());
  return gradients;
}

/// Norms that rise, fall and change their order.
std::vector<double> norms_of(std::int64_t round) {
  const auto t = static_cast<double>(round);
  return {1 + std::sin(t) * std::sin(t), 2 + std::cos(2 * t), 0.5 + 0.1 * t};
}

TEST(ExpectedNorms, SetEnergiesAndNoise) {
  Solo solo(kWorkers);
  Aggregator aggregator(one_vector(), method("cotaf"), 1, solo, at::kDouble);
  std::vector<double> squares(kWorkers, 0.0);
  for (std::int64_t t = 0; t < 12; ++t) {
    const auto norms = norms_of(t);
    const auto gradients = gradients_of(static_cast<std::uint32_t>(t), norms);
    auto estimate = at::zeros({kSize}, at::kDouble);
    const auto report = aggregator.round(t, kPower, gradients, estimate);
    double u = std::sqrt(*std::max_element(squares.begin(), squares.end()));
    if (t == 0) u = *std::max_element(norms.begin(), norms.end());
    for (std::size_t i = 0; i < norms.size(); ++i) {
      EXPECT_NEAR(report.energy[i], kPower * norms[i] * norms[i] / (u * u), 1e-9) << t << ", " << i;
      squares[i] = t == 0 ? norms[i] * norms[i] : 0.9 * squares[i] + 0.1 * norms[i] * norms[i];
    }
    const double noise = (estimate - gradients.mean(0)).square().sum().item<double>();
    const double expected = kSize * u * u / (kWorkers * kWorkers * kPower);
    EXPECT_NEAR(noise / expected, 1, 5 * std::sqrt(2.0 / kSize)) << t;  // unbiased, of this energy
  }
}

TEST(ExpectedNorms, KeepTheBudgetOnAverageAndNotInEveryRound) {
  Solo solo(kWorkers);
  Layout layout;
  layout.add("w", {40});
  Aggregator aggregator(layout, method("cotaf"), 1, solo, at::kDouble);
  constexpr std::int64_t kRounds = 4000;
  double total = 0, largest = 0;
  for (std::int64_t t = 0; t < kRounds; ++t) {
    auto estimate = at::zeros({40}, at::kDouble);
    const auto report =
        aggregator.round(t, kPower, random_gradients(kWorkers, 40, static_cast<std::uint32_t>(t)), estimate);
    total += std::accumulate(report.energy.begin(), report.energy.end(), 0.0);
    largest = std::max(largest, report.budget_use);
  }
  EXPECT_LT(total / (kRounds * kWorkers), kPower);  // u is the largest of three means
  EXPECT_GT(total / (kRounds * kWorkers), 0.8 * kPower);
  EXPECT_GT(largest, 1.2);
}

TEST(ExpectedNorms, OfWorkersThatSleepStayAsTheyWere) {
  auto algorithm = method("cotaf");
  algorithm.participation = 0.4;
  Solo solo(kWorkers);
  Aggregator aggregator(one_vector(), algorithm, 1, solo, at::kDouble);
  at::Tensor before;
  bool slept = false;
  for (std::int64_t t = 0; t < 6; ++t) {
    auto estimate = at::zeros({kSize}, at::kDouble);
    const auto awake = aggregator.awake(t);
    (void)aggregator.round(t, kPower, gradients_of(static_cast<std::uint32_t>(t), norms_of(t)), estimate);
    const auto now = aggregator.state().at("expected/w/0").clone();
    for (std::int64_t i = 0; i < kWorkers; ++i) {
      if (awake[static_cast<std::size_t>(i)] != 0 || !before.defined()) continue;
      slept = true;
      EXPECT_TRUE(at::equal(now[i], before[i])) << t << ", " << i;
    }
    before = now;
  }
  EXPECT_TRUE(slept);
}

TEST(ExpectedNorms, AreRefusedWhereTheyMakeNoSense) {
  const auto refused = [](const std::function<void(Algorithm&)>& change) {
    auto algorithm = method("cotaf");
    change(algorithm);
    try {
      validate(algorithm);
    } catch (const Error& problem) {
      return std::string(problem.what()).find("precoding = 'expected'") != std::string::npos;
    }
    return false;
  };
  EXPECT_TRUE(refused([](Algorithm& a) { a.channel = "digital"; }));
  EXPECT_TRUE(refused([](Algorithm& a) { a.channel = "reed"; }));
  EXPECT_TRUE(refused([](Algorithm& a) { a.fill_budget = true; }));
  EXPECT_TRUE(refused([](Algorithm& a) { a.filter.equal_norms = true; }));
  EXPECT_FALSE(refused([](Algorithm&) {}));
}

}  // namespace
}  // namespace laser
