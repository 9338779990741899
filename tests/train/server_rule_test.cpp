// The server's rules against their definitions, and where in a step of SGD they act (docs/arena.md).
#include "laser/receive/server_rule.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "laser/core/error.hpp"
#include "laser/core/layout.hpp"
#include "laser/kernels/normal.hpp"
#include "laser/train/experiment.hpp"
#include "laser/train/optimizer.hpp"

namespace laser {
namespace {

at::Tensor normal(at::IntArrayRef sizes, std::uint32_t unit) {
  auto numbers = at::empty(sizes, at::kFloat);
  fill_normal(std::span(numbers.data_ptr<float>(), static_cast<std::size_t>(numbers.numel())),
              {1, Purpose::kTest, 0, 0, unit});
  return numbers;
}

double length(const at::Tensor& tensor) { return tensor.to(at::kDouble).norm().item<double>(); }

void apply(const char* name, at::Tensor& update) {
  find_row(server_rules(), "server_rule", name).apply(update);
}

TEST(Polar, IsTheProductOfTheSingularVectors) {
  for (const auto& [rows, columns] :
       {std::pair<std::int64_t, std::int64_t>{7, 19}, {19, 7}, {8, 8}, {10, 1}}) {
    auto update = normal({rows, columns}, 1) * 1e-9;
    const auto [u, s, vh] = at::linalg_svd(update.to(at::kDouble), false);
    apply("polar", update);
    const double scale = std::sqrt(static_cast<double>(std::max(rows, columns)));
    EXPECT_LT(length(update.to(at::kDouble) - scale * at::mm(u, vh)), 1e-4) << rows;
  }
}

// What was received as a product of two factors has two directions, and no third one of rounding.
TEST(Polar, OfAProductOfFactorsHasTheirRank) {
  auto update = at::mm(normal({40, 2}, 2), normal({2, 90}, 3));
  const auto [u, s, vh] = at::linalg_svd(update.to(at::kDouble), false);
  apply("polar", update);
  const auto expected = at::mm(u.narrow(1, 0, 2), vh.narrow(0, 0, 2)) * std::sqrt(40 * 90 / 2.0);
  EXPECT_LT(length(update.to(at::kDouble) - expected), 1e-3);
}

// With a hundred times the noise the estimate is a hundred times as long, the update is not.
TEST(Rules, LengthsDoNotFollowTheNoise) {
  for (const char* name : {"sign", "unit", "polar"}) {
    double lengths[2];
    for (const int loud : {0, 1}) {
      auto update = normal({16, 30}, 4) * 0.01 + normal({16, 30}, 5) * (loud == 0 ? 0.01 : 1.0);
      apply(name, update);
      lengths[loud] = length(update);
    }
    EXPECT_NEAR(lengths[1], lengths[0], 1e-3) << name;
    EXPECT_NEAR(lengths[0], std::sqrt(16 * 30.0), 1e-3) << name;
    auto nothing = at::zeros({16, 30});
    apply(name, nothing);
    EXPECT_EQ(length(nothing), 0.0) << name;
  }
  auto unit = normal({16, 36}, 6);
  const auto direction = unit / length(unit);
  apply("unit", unit);
  EXPECT_LT(length(unit - direction * 24), 1e-5);
}

// On what was received: before weight decay and momentum. On the momentum: after it, weight decay apart.
TEST(Rules, ActWhereTheyAreSaidTo) {
  Layout layout;
  layout.add("a", {4, 6});
  layout.add("b", {3});
  for (const char* place : {"momentum", "received"}) {
    OptimizerOptions options{.name = "sgd", .momentum = 0.5, .weight_decay = 0.1};
    options.rule = "unit";
    options.rule_acts_on = place;
    const auto optimizer = make_optimizer(options, {{0, 24}}, layout);
    auto parameters = normal({27}, 7), expected = parameters.clone();
    auto velocity = at::zeros({27});
    const auto ruled = [](const at::Tensor& v) {
      auto result = v.clone();
      result.narrow(0, 0, 24).mul_(std::sqrt(24.0) / length(v.narrow(0, 0, 24)));
      result.narrow(0, 24, 3).mul_(std::sqrt(3.0) / length(v.narrow(0, 24, 3)));
      return result;
    };
    auto decayed = at::zeros({27});
    for (std::uint32_t t = 0; t < 4; ++t) {
      const auto estimate = normal({27}, 10 + t);
      decayed.narrow(0, 0, 24).copy_(expected.narrow(0, 0, 24) * 0.1);
      const bool received = std::string(place) == "received";
      velocity = 0.5 * velocity + (received ? ruled(estimate) + decayed : estimate);
      expected = expected - 0.2 * (received ? velocity : ruled(velocity) + decayed);
      auto given = estimate.clone();
      optimizer->step(parameters, given, 0.2);
    }
    EXPECT_LT(length(parameters - expected), 1e-5) << place;
  }
}

TEST(Rules, OfTheMomentumAreRefusedWithoutOne) {
  EXPECT_THROW((void)resolve({{"optimizer", "adamw"}, {"server_rule", "polar"}}), Error);
  EXPECT_NO_THROW(
      (void)resolve({{"optimizer", "adamw"}, {"server_rule", "polar"}, {"rule_acts_on", "received"}}));
  EXPECT_THROW((void)resolve({{"server_rule", "muon"}}), Error);
}

}  // namespace
}  // namespace laser
