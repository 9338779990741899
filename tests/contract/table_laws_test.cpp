// Laws that hold for every server rule of their table. None can be brought from outside, so that their laws
// stand here and not in laser/laws.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

#include "laser/receive/server_rule.hpp"
#include "laws.hpp"

namespace laser::contract {
namespace {

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
