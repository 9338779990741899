#include "laser/power/allocation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "expect_error.hpp"
#include "over_workers.hpp"

namespace laser {
namespace {

using Reals = std::vector<double>;
using Counts = std::vector<std::int64_t>;

Reals one_worker(const char* allocation, const Reals& raw, const Reals& sent, const Counts& symbols) {
  return block_shares(*make_allocation(allocation), {raw, sent, symbols});
}

void expect_near(const Reals& got, const Reals& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-15) << "entry " << i;
}

TEST(Allocation, WeightsAreThoseOfTheTable) {
  const Reals raw{3, 1};
  const Reals sent{1, 2};
  const Counts symbols{16, 1};
  expect_near(one_worker("uniform", raw, sent, symbols), {0.5, 0.5});
  expect_near(one_worker("norm", raw, sent, symbols), {0.75, 0.25});
  expect_near(one_worker("norm2", raw, sent, symbols), {0.9, 0.1});
  expect_near(one_worker("comp_norm", raw, sent, symbols), {1.0 / 3, 2.0 / 3});
  expect_near(one_worker("comp_norm2", raw, sent, symbols), {0.2, 0.8});
  expect_near(one_worker("sqrt_dim", raw, sent, symbols), {0.8, 0.2});
  expect_near(one_worker("param", raw, sent, symbols), {16.0 / 17, 1.0 / 17});
  expect_near(one_worker("param2", raw, sent, symbols), {256.0 / 257, 1.0 / 257});
  expect_near(one_worker("norm_dim", raw, sent, symbols), {4.0 / 6, 2.0 / 6});
}

TEST(Allocation, SharesSumToOneAndEmptyBlocksGetNothing) {
  const Reals norms{1e30, 3e-30, 0, 5, 2, 2e30, 1, 7};  // two workers, four blocks
  const Counts symbols{10, 4, 6, 0};
  for (const auto& entry : allocations()) {
    const auto& name = entry.name;
    const auto allocation = entry.make();
    const auto shares = block_shares(*allocation, {norms, norms, symbols});
    ASSERT_EQ(shares.size(), 8U);
    for (std::size_t worker = 0; worker < 2; ++worker) {
      const auto row = shares.begin() + static_cast<std::ptrdiff_t>(4 * worker);
      EXPECT_NEAR(std::accumulate(row, row + 4, 0.0), 1, 1e-15) << name;
      EXPECT_EQ(row[3], 0) << name << ": a block without symbols takes no part";
      for (int b = 0; b < 4; ++b) EXPECT_TRUE(std::isfinite(row[b]) && row[b] >= 0) << name;
    }
  }
}

TEST(Allocation, ZeroWeightsFallBackToUniform) {
  const Reals norms{0, 0, 0, 3, 0, 1};  // the first worker has nothing to say
  expect_near(block_shares(*make_allocation("norm"), {norms, norms, Counts{5, 0, 5}}),
              {0.5, 0, 0.5, 0.75, 0, 0.25});
}

TEST(Allocation, NobodyTakesPart) {
  const Reals norms{1, 2};
  expect_near(block_shares(*make_allocation("uniform"), {norms, norms, Counts{0, 0}}), {0, 0});
  EXPECT_TRUE(block_shares(*make_allocation("norm"), {{}, {}, {}}).empty());
}

TEST(Allocation, NormDimHasTheLeastTotalNoise) {
  // spec 3.2: sum_b D_b N_b^2 / p_b is (sum_b sqrt(D_b) N_b)^2 / B at its minimum.
  const Reals norms{3, 0.5, 1.25};
  const Counts symbols{100, 2000, 7};
  const auto noise = [&](const Allocation& allocation) {
    const auto energies = block_energies(allocation, Reals{10}, {norms, norms, symbols});
    double sum = 0;
    for (std::size_t b = 0; b < 3; ++b)
      sum += static_cast<double>(symbols[b]) * norms[b] * norms[b] / energies[b];
    return sum;
  };
  const double root = std::sqrt(100) * 3 + std::sqrt(2000) * 0.5 + std::sqrt(7) * 1.25;
  EXPECT_NEAR(noise(*make_allocation("norm_dim")), root * root / 10, 1e-10);
  for (const auto& entry : allocations()) {
    const auto& name = entry.name;
    const auto allocation = entry.make();
    EXPECT_GE(noise(*allocation), noise(*make_allocation("norm_dim")) * (1 - 1e-12)) << name;
  }
}

TEST(Allocation, EnergiesFollowTheBudgetsAndAverage) {
  const Reals norms{1, 3, 2, 2};
  const auto energies =
      block_energies(*make_allocation("comp_norm"), Reals{8, 4}, {norms, norms, Counts{1, 1}});
  expect_near(energies, {2, 6, 2, 2});
  expect_near(average_over_workers(energies, 2), {2, 4});
}

TEST(Allocation, NoWorkerExceedsItsBudgetAfterAveraging) {
  // spec 3.2: sum_b p(b) N_i(b)^2 / c(b)^2 <= B for every worker, c(b) = max_i N_i(b).
  const Reals norms{1, 9, 0.2, 4, 1, 6, 0, 2, 30};
  const Counts symbols{4, 8, 1};
  for (const auto& entry : allocations()) {
    const auto& name = entry.name;
    const auto allocation = entry.make();
    const auto p =
        average_over_workers(block_energies(*allocation, Reals{5, 5, 5}, {norms, norms, symbols}), 3);
    for (std::size_t worker = 0; worker < 3; ++worker) {
      double spent = 0;
      for (std::size_t b = 0; b < 3; ++b) {
        const double ratio = norms[3 * worker + b] / std::max({norms[b], norms[3 + b], norms[6 + b]});
        spent += p[b] * ratio * ratio;
      }
      EXPECT_LE(spent, 5 * (1 + 1e-14)) << name;
    }
  }
}

TEST(Allocation, NamesAreRead) {
  expect_error([] { return make_allocation("norms"); }, ExitCode::kConfiguration,
               "allocation = 'norms' is unknown; choose one of uniform, norm,");
}

TEST(Allocation, RefusesBadNorms) {
  const Counts symbols{1, 1};
  const auto shares = [&](Reals norms) {
    return [norms, &symbols] { return block_shares(*make_allocation("norm"), {norms, norms, symbols}); };
  };
  expect_error(shares({1, 1, 1, std::numeric_limits<double>::quiet_NaN()}), ExitCode::kNonFinite,
               "norm of worker 1 in block 1 is nan");
  expect_error(shares({std::numeric_limits<double>::infinity(), 1}), ExitCode::kNonFinite,
               "worker 0 in block 0");
  expect_error(shares({1, -1}), ExitCode::kConfiguration, "is -1: norms are 0 or above");
  const Reals norms{1, 1};
  expect_error(
      [&] {
        return block_energies(*make_allocation("norm"), Reals{-1}, {norms, norms, symbols});
      },
      ExitCode::kConfiguration, "entry 0 of the power budgets is -1");
}

}  // namespace
}  // namespace laser
