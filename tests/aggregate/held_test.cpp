// The message filter, the sweep and the held estimate against their formulas (docs/beyond.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "../contract/laws.hpp"
#include "laser/aggregate/delays.hpp"
#include "laser/aggregate/message_filter.hpp"

namespace laser {
namespace {

using laws::random_gradients;
using laws::relative_difference;
using laws::small_layout;

constexpr std::int64_t kWorkers = 3;

Algorithm plain(const char* compressor, const char* feedback) {
  auto algorithm = method("zsgd");
  algorithm.compressor.name = compressor;
  algorithm.compressor.rank = 2;
  algorithm.feedback = feedback;
  return algorithm;
}

Layout one_matrix(std::int64_t rows, std::int64_t columns) {
  Layout layout;
  layout.add("w", {rows, columns});
  return layout;
}

/// Of gradients that do not change a full cycle brings every number, and holding keeps it.
TEST(Sweep, AfterACycleAllOfAGradientIsHeld) {
  for (const auto& [rows, columns] :
       {std::pair<std::int64_t, std::int64_t>{7, 12}, {15, 6}, {100, 90}, {4, 300}}) {
    for (const std::int64_t rank : {1, 2, 3}) {
      auto algorithm = plain("sweep", "hold");
      algorithm.compressor.rank = rank;
      algorithm.channel = "noiseless";
      const auto layout = one_matrix(rows, columns);
      Solo solo(kWorkers);
      Aggregator aggregator(layout, algorithm, 1, solo, at::kDouble);
      const auto cycle = make_compressor(algorithm.compressor)->cycle(layout.layers[0]);
      ASSERT_GT(cycle, 1);
      const auto gradients = random_gradients(kWorkers, layout.size, 0);
      auto estimate = at::zeros({layout.size}, at::kDouble);
      std::int64_t symbols = 0;
      for (std::int64_t t = 0; t < cycle; ++t) {
        EXPECT_GT(relative_difference(estimate, gradients.mean(0)), 1e-3) << t << " of " << cycle;
        symbols += aggregator.round(t, INFINITY, gradients, estimate).symbols;
      }
      EXPECT_EQ(symbols, layout.size);
      EXPECT_LT(relative_difference(estimate, gradients.mean(0)), 1e-12);
      for (std::int64_t t = cycle; t < cycle + 3; ++t) {
        aggregator.round(t, INFINITY, gradients, estimate);
        EXPECT_LT(relative_difference(estimate, gradients.mean(0)), 1e-12);
      }
    }
  }
}

/// What is sent of a round is replaced; what was heard of the others stays as it was, bit for
/// bit but for rounding.
TEST(Sweep, ARoundReplacesItsOwnRowsOnly) {
  auto algorithm = plain("sweep", "hold");
  const auto layout = one_matrix(10, 40);
  Solo solo(kWorkers);
  Aggregator aggregator(layout, algorithm, 1, solo, at::kDouble);
  auto before = at::zeros({layout.size}, at::kDouble), estimate = before.clone();
  for (std::int64_t t = 0; t < 40; ++t) {
    aggregator.round(t, 30.0, random_gradients(kWorkers, layout.size, static_cast<std::uint32_t>(t)),
                     estimate);
    const auto change = (estimate - before).view({10, 40});
    const auto values = at::linalg_svdvals(change);
    EXPECT_GT(values[0].item<double>(), 1e-3);
    EXPECT_LT((values[1] / values[0]).item<double>(), 1e-12) << "one row a round at rank 2 of 10 x 40";
    before = estimate.clone();
  }
}

TEST(Sweep, SendsNoMoreThanOneFactorOnAverageUnlessThatIsLessThanARow) {
  for (const auto& [rows, columns] :
       {std::pair<std::int64_t, std::int64_t>{10, 784}, {64, 576}, {128, 784}}) {
    for (const std::int64_t rank : {1, 2, 4, 8}) {
      const auto layout = one_matrix(rows, columns);
      CompressorOptions options{.name = "sweep", .rank = rank};
      const auto compressor = make_compressor(options);
      const auto& layer = layout.layers[0];
      const double symbols = static_cast<double>(layer.size) / static_cast<double>(compressor->cycle(layer));
      EXPECT_LE(symbols, static_cast<double>(rank * (rows + columns)) / 2)
          << rows << " " << columns << " " << rank;
      EXPECT_GE(symbols, static_cast<double>(rank * (rows + columns)) / 4);
    }
  }
}

/// The relative noise energy of what is held, of one worker whose message does not change: mean over rounds.
double held_noise(const char* compressor, double lambda, const std::string& prediction, std::int64_t rounds) {
  auto algorithm = plain(compressor, "hold");
  algorithm.prediction = prediction;
  const auto layout = one_matrix(20, 30);
  Solo solo(1);
  Aggregator aggregator(layout, algorithm, 1, solo, at::kDouble);
  const auto gradients = random_gradients(1, layout.size, 0);
  auto estimate = at::zeros({layout.size}, at::kDouble);
  double sum = 0;
  constexpr std::int64_t kStart = 60;
  for (std::int64_t t = 0; t < kStart + rounds; ++t) {
    aggregator.round(t, static_cast<double>(layout.size) / lambda, gradients, estimate);
    if (t < kStart) continue;
    sum += ((estimate - gradients[0]).square().sum() / gradients.square().sum()).item<double>();
  }
  return sum / static_cast<double>(rounds);
}

/// T4: with rho = 1/(1 + lambda) the noise falls from lambda to lambda^3/(1 + lambda + lambda^2).
/// 600 numbers, 400 rounds: the mean of the relative noise has a standard deviation of about
/// sqrt(2/600/400) = 0.3 % and what it adds up over rounds; the bound is 3 %.
TEST(Prediction, CutsTheNoiseAsT4Says) {
  for (const double lambda : {0.1, 0.5, 1.0, 3.0}) {
    const double before = held_noise("identity", lambda, "0.0", 400);
    EXPECT_NEAR(before / lambda, 1, 0.03) << "without prediction, lambda " << lambda;
    const double after = held_noise("identity", lambda, number_text(1 / (1 + lambda)), 400);
    EXPECT_NEAR(after / (std::pow(lambda, 3) / (1 + lambda + lambda * lambda)), 1, 0.03) << lambda;
  }
}

/// The best prediction of a message that does not change: below lambda = 1 the noise vanishes, above lambda -
/// 1 is left.
TEST(Prediction, MatchedLeavesWhatIsAboveOne) {
  EXPECT_LT(held_noise("identity", 0.5, "matched", 5), 1e-9);
  EXPECT_NEAR(held_noise("identity", 3, "matched", 400), 2, 0.1);
}

/// A prediction changes how much noise there is, never what is estimated: without noise nothing.
TEST(Prediction, WithoutNoiseIsNoDifference) {
  for (const char* compressor : {"identity", "low_rank", "sweep", "random_k"}) {
    at::Tensor estimates[3];
    for (int i = 0; i < 3; ++i) {
      auto algorithm = plain(compressor, "hold");
      algorithm.channel = "noiseless";
      algorithm.prediction = i == 0 ? "0" : i == 1 ? "0.7" : "matched";
      Solo solo(kWorkers);
      Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble);
      estimates[i] = laws::run_rounds(aggregator, kWorkers, 0, 6, INFINITY);
    }
    EXPECT_LT(relative_difference(estimates[1], estimates[0]), 1e-12) << compressor;
    EXPECT_LT(relative_difference(estimates[2], estimates[0]), 1e-12) << compressor;
  }
}

/// Every worker counts by its direction, with the mean norm of all, and spends its whole budget.
TEST(EqualNorms, AllSpendTheirBudgetAndCountAlike) {
  auto algorithm = plain("identity", "none");
  algorithm.filter.equal_norms = true;
  const auto layout = one_matrix(6, 9);
  Solo solo(kWorkers);
  Aggregator aggregator(layout, algorithm, 1, solo, at::kDouble);
  auto gradients = random_gradients(kWorkers, layout.size, 0);
  gradients[1].mul_(3);
  auto estimate = at::zeros({layout.size}, at::kDouble);
  const auto report = aggregator.round(0, 1e20, gradients, estimate);
  for (const double energy : report.energy) EXPECT_NEAR(energy / 1e20, 1, 1e-12);
  const auto norms = gradients.norm(2, 1, true);
  EXPECT_LT(relative_difference(estimate, (gradients / norms).mean(0) * norms.mean()), 1e-8);
  algorithm.feedback = "decoded";
  EXPECT_THROW(validate(algorithm), Error);
}

/// LASER's factors, held: the factor of a round replaces the estimate along its basis.
TEST(Hold, WorksForLowRankFactors) {
  auto algorithm = plain("low_rank", "hold");
  algorithm.channel = "noiseless";
  const auto layout = one_matrix(9, 14);
  Solo solo(1);
  Aggregator aggregator(layout, algorithm, 1, solo, at::kDouble);
  const auto gradients = random_gradients(1, layout.size, 0);
  auto estimate = at::zeros({layout.size}, at::kDouble);
  double last = INFINITY;
  for (std::int64_t t = 0; t < 6; ++t) {
    aggregator.round(t, INFINITY, gradients, estimate);
    const double error = (estimate - gradients[0]).norm().item<double>();
    EXPECT_LE(error, last * (1 + 1e-12)) << t;  // a projection of the error
    last = error;
  }
  EXPECT_LT(last, 0.95 * gradients.norm().item<double>());
}

/// u + nu (g - u), by hand.
TEST(Filter, LeadsTheAverage) {
  auto algorithm = plain("identity", "none");
  algorithm.channel = "noiseless";
  algorithm.worker_momentum = 0.75;
  algorithm.filter.lead = "0.3";
  Solo solo(1);
  Aggregator aggregator(small_layout(), algorithm, 1, solo, at::kDouble);
  const auto estimates = laws::run_rounds(aggregator, 1, 0, 5, INFINITY);
  auto average = at::zeros({small_layout().size}, at::kDouble);
  at::Tensor last;
  for (std::uint32_t t = 0; t < 5; ++t) {
    last = random_gradients(1, small_layout().size, t)[0];
    average = 0.75 * average + 0.25 * last;
  }
  EXPECT_LT(relative_difference(estimates[4], average + 0.3 * (last - average)), 1e-12);
}

TEST(Filter, TheLeadAutoIsTheCycleOverTheAverage) {
  EXPECT_NEAR(lead_of("auto", 0.99, 10), 0.1, 1e-12);
  EXPECT_DOUBLE_EQ(lead_of("auto", 0.9, 64), 1);
  EXPECT_DOUBLE_EQ(lead_of("0.25", 0.99, 10), 0.25);
  EXPECT_THROW(lead_of("fast", 0.99, 10), Error);
}

/// g (n S + delta I)^-p of the first sample, along the long side whichever that is, and in blocks.
TEST(Filter, PreconditionsByTheSecondMoment) {
  for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{5, 9}, {9, 5}, {3, 1500}}) {
    auto algorithm = plain("identity", "none");
    algorithm.channel = "noiseless";
    algorithm.filter.preconditioner = "second_moment";
    algorithm.filter.preconditioner_refresh = 1;
    algorithm.filter.preconditioner_power = 0.5;
    const auto layout = one_matrix(rows, columns);
    Solo solo(1);
    Aggregator aggregator(layout, algorithm, 1, solo, at::kDouble);
    const auto estimates = laws::run_rounds(aggregator, 1, 0, 2, INFINITY);
    const auto matrix = [&](std::uint32_t t) {
      const auto m = random_gradients(1, layout.size, t)[0].view({rows, columns});
      return columns >= rows ? m : m.t();
    };
    EXPECT_LT(relative_difference(columns >= rows ? estimates[0].view({rows, columns})
                                                  : estimates[0].view({rows, columns}).t(),
                                  matrix(0)),
              1e-12)
        << "before the first refresh";
    const auto length = std::max(rows, columns), blocks = (length + 1023) / 1024, size = length / blocks;
    std::vector<at::Tensor> expected;
    for (std::int64_t b = 0; b < blocks; ++b) {
      const auto g = matrix(0).narrow(1, b * size, size), next = matrix(1).narrow(1, b * size, size);
      const auto s = g.t().mm(g) / g.square().sum() * size + 0.01 * at::eye(size, at::kDouble);
      const auto [values, vectors] = at::linalg_eigh(s);
      expected.push_back(next.mm((vectors * values.pow(-0.5)).mm(vectors.t())));
    }
    const auto found = estimates[1].view({rows, columns});
    EXPECT_LT(relative_difference(columns >= rows ? found : found.t(), at::cat(expected, 1)), 1e-9)
        << rows << " x " << columns;
  }
}

/// Two delays that meet are told, one alone is not, nor two with the lead.
TEST(Delays, AreToldWhereTwoMeetWithoutTheLead) {
  const auto layout = one_matrix(10, 784);
  auto momentum = method("laser_momentum");
  momentum.compressor.rank = 2;
  const auto note = lag_note(momentum, layout, 0);
  EXPECT_NE(note.find("worker_momentum = 0.99 (100 rounds)"), std::string::npos) << note;
  EXPECT_NE(note.find("feedback = local with compressor = low_rank (9.87)"), std::string::npos) << note;
  EXPECT_NE(note.find("below 0.111"), std::string::npos) << note;
  EXPECT_EQ(note.find('\n'), std::string::npos);
  auto swept = method("swept");
  swept.compressor.rank = 2;
  EXPECT_EQ(lag_note(swept, layout, 0), "");
  EXPECT_NE(lag_note(swept, layout, 0.9), "");
  swept.filter.lead = "0";
  EXPECT_NE(lag_note(swept, layout, 0).find("feedback = hold with compressor = sweep (5)"),
            std::string::npos);
  EXPECT_EQ(lag_note(method("zsgd_momentum"), layout, 0), "");
  EXPECT_EQ(lag_note(method("laser"), layout, 0.9), "");
}

}  // namespace
}  // namespace laser
