// Laws that hold for every allocation and every server rule of their tables. Neither can be brought from
// outside, so that their laws stand here and not in laser/laws.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "laser/power/allocation.hpp"
#include "laser/receive/server_rule.hpp"
#include "laws.hpp"

namespace laser::contract {
namespace {

using Reals = std::vector<double>;

std::string row_name(const testing::TestParamInfo<PartRow>& info) { return info.param.name; }

constexpr std::size_t kBlocks = 5;
const std::vector<std::int64_t> kSymbols{84, 1, 0, 60, 5000},
    kHeld{1, 3, 1, 1, 20};  // the third takes no part

class AllocationLaws : public testing::TestWithParam<PartRow> {
 protected:
  static Reals shares(const Reals& raw, const Reals& sent) {
    return block_shares(parse_allocation(GetParam().name), {raw, sent, kSymbols, kHeld});
  }
  /// Of k workers: magnitudes of normals, each row times its own scale.
  static Reals norms(const Reals& scales, std::uint32_t unit) {
    Reals result(scales.size() * kBlocks);
    fill_normal(std::span(result), {7, Purpose::kTest, 0, 0, unit});
    for (std::size_t j = 0; j < result.size(); ++j) result[j] = std::abs(result[j]) * scales[j / kBlocks];
    return result;
  }
  /// Whether what workers send, or would like to, makes a difference to it.
  static bool reads_norms() {
    return shares(norms({1}, 0), norms({1}, 1)) != shares(norms({1}, 2), norms({1}, 3));
  }
};
INSTANTIATE_TEST_SUITE_P(Table, AllocationLaws, testing::ValuesIn(allocations()), row_name);

// However loud the workers are, each gives all it has, nobody less than nothing, and nothing to what is not
// sent.
TEST_P(AllocationLaws, SharesAreAtLeastZeroAndAddUpToOne) {
  const Reals scales{1, 0, 1e-300, 1e150, 1e300, 3e-5};
  auto raw = norms(scales, 0), sent = norms(scales, 1);
  raw[3] = sent[1] = 0;  // of the first worker
  const auto all = shares(raw, sent);
  ASSERT_EQ(all.size(), raw.size());
  for (std::size_t i = 0; i < scales.size(); ++i) {
    const auto row = std::span(all).subspan(i * kBlocks, kBlocks);
    for (const double share : row) EXPECT_GE(share, 0.0) << "worker " << i;
    EXPECT_NEAR(std::accumulate(row.begin(), row.end(), 0.0), 1, 1e-12) << "worker " << i;
    EXPECT_EQ(row[2], 0.0) << "worker " << i;
  }
}

// Who has nothing to say shares alike over what is sent, where it is by norms that it would share.
TEST_P(AllocationLaws, ZeroNormsShareAlike) {
  const Reals nothing(kBlocks, 0.0);
  const auto all = shares(nothing, nothing);
  if (reads_norms()) {
    EXPECT_EQ(all, (Reals{0.25, 0.25, 0, 0.25, 0.25}));
  } else {
    EXPECT_EQ(all, shares(norms({1}, 0), norms({1}, 1)));
  }
}

// Units of the gradients do not matter, nor what other workers have.
TEST_P(AllocationLaws, AWorkersSharesFollowItsOwnProportionsAlone) {
  const auto one = shares(norms({1}, 4), norms({1}, 5));
  for (const double scale : {0x1p-60, 0x1p60}) {
    const auto other = shares(norms({scale}, 4), norms({scale}, 5));
    for (std::size_t b = 0; b < kBlocks; ++b) EXPECT_NEAR(other[b], one[b], 1e-15) << scale;
  }
  const auto both = shares(norms({1, 1e6}, 4), norms({1, 1e6}, 5));
  for (std::size_t b = 0; b < kBlocks; ++b) EXPECT_NEAR(both[b], one[b], 1e-15);
}

/// What a rule makes of an update; as it is where it has none.
at::Tensor ruled(const ServerRuleEntry& rule, const at::Tensor& update) {
  auto result = update.clone();
  if (rule.apply != nullptr) rule.apply(result);
  return result;
}

/// A normal matrix.
at::Tensor normal(std::int64_t rows, std::int64_t columns, std::uint32_t round, at::ScalarType type) {
  return random_gradients(rows, columns, round, type);
}

class ServerRuleLaws : public testing::TestWithParam<ServerRuleEntry> {};
INSTANTIATE_TEST_SUITE_P(Table, ServerRuleLaws, testing::ValuesIn(server_rules()),
                         [](const auto& instance) { return instance.param.name; });

TEST_P(ServerRuleLaws, ZerosStay) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const auto nothing = at::zeros({7, 12}, type);
    EXPECT_TRUE(at::equal(ruled(GetParam(), nothing), nothing));
  }
}

// Of every shape, magnitude and rank, with single numbers that are zero.
TEST_P(ServerRuleLaws, WhatItMakesIsFinite) {
  const std::pair<std::int64_t, std::int64_t> shapes[] = {{7, 12}, {12, 7}, {8, 8}, {1, 30}, {30, 1}, {1, 1}};
  for (const auto& [rows, columns] : shapes) {
    for (const double scale : {1e-30, 1.0, 1e30}) {
      auto update = normal(rows, columns, 0, at::kFloat) * scale;
      const auto made = ruled(GetParam(), update);
      EXPECT_TRUE(at::isfinite(made).all().item<bool>()) << rows << " x " << columns << ' ' << scale;
      EXPECT_EQ(made.sizes(), update.sizes());
      EXPECT_EQ(made.scalar_type(), update.scalar_type());
      update[0].zero_();
      EXPECT_TRUE(at::isfinite(ruled(GetParam(), update)).all().item<bool>()) << rows << " x " << columns;
    }
  }
  const auto one_direction = at::mm(normal(9, 1, 1, at::kFloat), normal(1, 14, 2, at::kFloat));
  EXPECT_TRUE(at::isfinite(ruled(GetParam(), one_direction)).all().item<bool>());
}

// A rule says the length itself: the root mean square of a matrix of all directions is 1, whatever it was.
TEST_P(ServerRuleLaws, TheLengthDoesNotFollowTheScale) {
  if (GetParam().apply == nullptr) return;
  const auto update = normal(16, 30, 3, at::kFloat), made = ruled(GetParam(), update);
  EXPECT_NEAR(made.to(at::kDouble).square().mean().item<double>(), 1, 1e-4);
  for (const double scale : {0x1p-60, 0x1p-7, 0x1p60})
    EXPECT_LT(relative_difference(ruled(GetParam(), update * scale), made), 1e-5) << scale;
}

TEST_P(ServerRuleLaws, TheOppositeUpdateMakesTheOpposite) {
  const auto update = normal(16, 30, 4, at::kFloat);
  EXPECT_LT(relative_difference(ruled(GetParam(), -update), -ruled(GetParam(), update)), 1e-6);
}

}  // namespace
}  // namespace laser::contract
