// Shards that differ: by label, by class shares, in size; and examples held out of all of them.
#include "laser/data/sharding.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "laser/core/error.hpp"
#include "laser/data/dirichlet.hpp"

namespace laser {
namespace {

/// 1,000 labels 0 .. 9 in turn.
std::vector<std::uint8_t> labels() {
  std::vector<std::uint8_t> result;
  for (int i = 0; i < 1000; ++i) result.push_back(static_cast<std::uint8_t>(i % 10));
  return result;
}

std::map<int, int> classes_of(const Sharding& sharding, std::int64_t worker) {
  std::map<int, int> counts;
  for (const auto example : sharding.shard(worker)) ++counts[labels()[static_cast<std::size_t>(example)]];
  return counts;
}

std::multiset<std::int32_t> all_of(const Sharding& sharding, std::int64_t workers) {
  std::multiset<std::int32_t> seen(sharding.held_out().begin(), sharding.held_out().end());
  for (std::int64_t i = 0; i < workers; ++i) {
    const auto shard = sharding.shard(i);
    seen.insert(shard.begin(), shard.end());
  }
  return seen;
}

TEST(Sharding, ByDefaultIsWhatItWasWithoutLabels) {
  const Sharding with(labels(), {}, 8, 32, 7), without(1000, 8, 32, 7);
  for (std::int64_t i = 0; i < 8; ++i) EXPECT_EQ(with.epoch_order(2, i), without.epoch_order(2, i));
}

TEST(Sharding, SortedGivesAWorkerItsOwnClasses) {
  const Sharding sharding(labels(), {.kind = "sorted", .shares = {}}, 20, 8, 1);
  for (std::int64_t i = 0; i < 20; ++i) {
    const auto classes = classes_of(sharding, i);
    ASSERT_EQ(classes.size(), 1u);
    EXPECT_EQ(classes.begin()->first, i / 2);
  }
  EXPECT_EQ(all_of(sharding, 20).size(), 1000u);
}

TEST(Sharding, DirichletSpreadsEveryClassAndLosesNothing) {
  double largest[2] = {0, 0};  // mean over the workers of the share of the most frequent class
  for (int which = 0; which < 2; ++which) {
    const Sharding sharding(
        labels(), {.kind = "dirichlet", .concentration = which == 0 ? 0.05 : 1000, .shares = {}}, 10, 8, 3);
    const auto seen = all_of(sharding, 10);
    EXPECT_EQ(seen.size(), 1000u);
    EXPECT_EQ(std::set<std::int32_t>(seen.begin(), seen.end()).size(), 1000u);
    for (std::int64_t i = 0; i < 10; ++i) {
      ASSERT_GE(sharding.shard(i).size(), 1u);
      int most = 0;
      for (const auto& [label, count] : classes_of(sharding, i)) most = std::max(most, count);
      largest[which] += static_cast<double>(most) / static_cast<double>(sharding.shard(i).size()) / 10;
    }
  }
  EXPECT_GT(largest[0], 0.6) << "small alpha: nearly one class each";
  EXPECT_LT(largest[1], 0.2) << "large alpha: all alike";
}

TEST(Sharding, UnequalShardsSeeAsMuchInAnEpochAndAllOfItInTime) {
  const Sharding sharding(labels(), {.shares = {1, 9}}, 2, 32, 1);
  EXPECT_NEAR(static_cast<double>(sharding.shard(1).size()) / static_cast<double>(sharding.shard(0).size()),
              9, 0.2);
  EXPECT_EQ(sharding.shard_size(), 500);
  std::set<std::int32_t> seen;
  for (std::int64_t epoch = 0; epoch < 20; ++epoch) {
    const auto small = sharding.epoch_order(epoch, 0);
    ASSERT_EQ(small.size(), 500u);
    for (const auto example : sharding.shard(0)) {
      const auto times = std::count(small.begin(), small.end(), example);
      EXPECT_TRUE(times == 4 || times == 5 || times == 6) << "its 100 examples go round five times";
    }
    const auto large = sharding.epoch_order(epoch, 1);
    EXPECT_EQ(std::set<std::int32_t>(large.begin(), large.end()).size(), 500u);
    seen.insert(large.begin(), large.end());
  }
  EXPECT_EQ(seen.size(), sharding.shard(1).size());
}

TEST(Sharding, HeldOutExamplesAreTheSameForEverySeedAndNoWorkersOwn) {
  const Sharding one(labels(), {.shares = {}, .held_out = 0.1}, 9, 8, 1);
  const Sharding two(labels(), {.kind = "sorted", .shares = {}, .held_out = 0.1}, 9, 8, 2);
  ASSERT_EQ(one.held_out().size(), 100u);
  EXPECT_TRUE(std::equal(one.held_out().begin(), one.held_out().end(), two.held_out().begin()));
  EXPECT_EQ(all_of(one, 9).size(), 1000u);
  EXPECT_EQ(all_of(two, 9).count(one.held_out()[5]), 1u);
  EXPECT_NE(one.epoch_order(0, 0),
            Sharding(labels(), {.shares = {}, .held_out = 0.1}, 9, 8, 2).epoch_order(0, 0));
}

TEST(Sharding, OwnersKeepWhatIsTheirs) {
  std::vector<std::int32_t> owners;
  for (int i = 0; i < 100; ++i) owners.push_back(i % 7 == 0 ? 0 : i % 3);
  const Sharding sharding(owners, 0.1, 3, 8, 1);
  EXPECT_EQ(sharding.held_out().size(), 10u);
  EXPECT_EQ(sharding.shard_size(), 30);
  std::set<std::int32_t> seen(sharding.held_out().begin(), sharding.held_out().end());
  for (std::int64_t worker = 0; worker < 3; ++worker) {
    for (const auto example : sharding.shard(worker)) {
      EXPECT_EQ(owners[static_cast<std::size_t>(example)], worker);
      EXPECT_TRUE(seen.insert(example).second) << example;
    }
  }
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_THROW(Sharding(owners, 0, 4, 8, 1), Error);  // nothing is the fourth's
}

TEST(Sharding, WhatMakesNoSenseIsRefused) {
  EXPECT_THROW(Sharding(labels(), {.shares = {1, 0}}, 4, 8, 1), Error);
  EXPECT_THROW(Sharding(labels(), {.kind = "dirichlet", .shares = {1, 2}}, 4, 8, 1), Error);
  EXPECT_THROW(Sharding(labels(), {.shares = {}, .held_out = 0.9}, 101, 8, 1), Error);
}

// 4,000 draws of 5 shares: each has mean 1/5 and variance (1/5)(4/5) / (5 alpha + 1) [Dirichlet]. 5 standard
// errors of the mean; the sample variance within 10 %, more than 5 of its standard errors (kurtosis below 8).
TEST(Dirichlet, SharesHaveTheMomentsOfTheDistribution) {
  for (const double alpha : {0.1, 1.0, 20.0}) {
    double mean = 0, square = 0;
    for (std::uint32_t t = 0; t < 4000; ++t) {
      const auto shares = dirichlet(alpha, 5, {3, Purpose::kTest, t, 0, 0});
      EXPECT_NEAR(std::accumulate(shares.begin(), shares.end(), 0.0), 1, 1e-12);
      mean += shares[2] / 4000;
      square += shares[2] * shares[2] / 4000;
    }
    const double variance = 0.16 / (5 * alpha + 1);
    EXPECT_NEAR(mean, 0.2, 5 * std::sqrt(variance / 4000)) << alpha;
    EXPECT_NEAR((square - mean * mean) / variance, 1, 0.15) << alpha;
  }
}

}  // namespace
}  // namespace laser
