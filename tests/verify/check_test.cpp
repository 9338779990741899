// A verdict must be able to be "fails": every claim from both sides of its limit.
#include "laser/verify/check.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <stdexcept>

#include "laser/verify/tasks.hpp"

namespace laser::verify {
namespace {

Check check(Claim claim, double measured, double standard_error, double expected, double tolerance = 0) {
  Check result;
  result.claim = claim;
  result.measured = {measured, standard_error};
  result.expected = expected;
  result.tolerance = tolerance;
  return result;
}

TEST(Check, EqualHoldsWithinItsStandardErrors) {
  EXPECT_TRUE(check(Claim::kEqual, 1.049, 0.01, 1).holds());
  EXPECT_TRUE(check(Claim::kEqual, 0.951, 0.01, 1).holds());
  EXPECT_FALSE(check(Claim::kEqual, 1.051, 0.01, 1).holds());
  EXPECT_FALSE(check(Claim::kEqual, 0.949, 0.01, 1).holds());
  EXPECT_TRUE(check(Claim::kEqual, 1.029, 0.01, 1).holds_closely());
  EXPECT_FALSE(check(Claim::kEqual, 1.031, 0.01, 1).holds_closely());
  EXPECT_NEAR(check(Claim::kEqual, 0.97, 0.01, 1).score(), -3, 1e-9);
}

TEST(Check, BoundsHoldOnTheirSide) {
  EXPECT_TRUE(check(Claim::kAtMost, 0.5, 0, 1).holds());
  EXPECT_TRUE(check(Claim::kAtMost, 1, 0, 1).holds());
  EXPECT_FALSE(check(Claim::kAtMost, 1.0001, 0, 1).holds());
  EXPECT_TRUE(check(Claim::kAtMost, 1.04, 0.01, 1).holds());
  EXPECT_FALSE(check(Claim::kAtMost, 1.06, 0.01, 1).holds());
  EXPECT_TRUE(check(Claim::kAtLeast, 2, 0, 1).holds());
  EXPECT_FALSE(check(Claim::kAtLeast, 0.999, 0, 1).holds());
}

TEST(Check, ToleranceAddsAndExactNumbersHaveNoScore) {
  EXPECT_TRUE(check(Claim::kEqual, -0.4, 0, -0.5, 0.15).holds());
  EXPECT_FALSE(check(Claim::kEqual, -0.3, 0, -0.5, 0.15).holds());
  EXPECT_EQ(check(Claim::kEqual, 2, 0, 1).score(), 0);
}

TEST(Check, NothingHoldsForNotANumber) {
  for (const auto claim : {Claim::kEqual, Claim::kAtMost, Claim::kAtLeast}) {
    EXPECT_FALSE(check(claim, NAN, 0.1, 1).holds());
    EXPECT_FALSE(check(claim, 1, NAN, 1).holds());
    EXPECT_FALSE(check(claim, 1, 0, NAN).holds());
  }
  EXPECT_FALSE(check(Claim::kAtMost, INFINITY, 0, 1).holds());
}

TEST(Check, FailuresAreThoseThatDoNotHold) {
  const std::vector<Check> checks{check(Claim::kAtMost, 0, 0, 1), check(Claim::kAtMost, 2, 0, 1)};
  const auto failed = failures(checks);
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].measured.value, 2);
}

TEST(MeanOf, IsTheSampleMeanWithItsStandardError) {
  const std::vector<double> values{1, 2, 3, 6};
  const auto estimate = mean_of(values);
  EXPECT_DOUBLE_EQ(estimate.value, 3);
  EXPECT_NEAR(estimate.standard_error, std::sqrt(14.0 / 3 / 4), 1e-15);  // variance 14/3 of 4 values
}

TEST(RunTasks, RunsAllAndTellsTheProgress) {
  std::atomic<int> ran{0};
  std::vector<Task> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back({1.0 + i, "note", [&ran] { ++ran; }});
  double last = 0, total = 0;
  Watch watch;
  watch.progress = [&](double done, double all, const std::string&) { last = done, total = all; };
  EXPECT_TRUE(run_tasks(tasks, 3, watch));
  EXPECT_EQ(ran, 20);
  EXPECT_DOUBLE_EQ(total, 210);
  EXPECT_DOUBLE_EQ(last, total);
}

TEST(RunTasks, StopsAndPassesErrorsOn) {
  Watch stopped;
  stopped.stop = [] { return true; };
  int ran = 0;
  EXPECT_FALSE(run_tasks({{1, "", [&ran] { ++ran; }}}, 1, stopped));
  EXPECT_EQ(ran, 0);
  const Task broken{1, "", [] { throw std::runtime_error("broken"); }};
  EXPECT_THROW(run_tasks({broken, broken}, 2, {}), std::runtime_error);
}

}  // namespace
}  // namespace laser::verify
