// The lemmas along real runs, what they rest on, and Theorem 1 beside its exact left side.
#include "laser/verify/lemma_checks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "laser/verify/moments.hpp"
#include "laser/verify/theorem.hpp"

namespace laser::verify {
namespace {

struct Results {
  std::vector<Check> checks;
  std::vector<ControlResult> controls;
  std::vector<LemmaRow> rows;
};

const Results& results() {
  static const auto all = [] {
    LemmaChecks lemmas(5, {120, 16, 1024});
    run_tasks(lemmas.tasks(), 2, {});
    return Results{lemmas.checks(), lemmas.controls(), lemmas.rows()};
  }();
  return all;
}

TEST(LemmaChecks, AllHold) {
  for (const auto& check : results().checks) {
    EXPECT_TRUE(check.holds()) << check.subject << ": " << check.quantity << " " << check.measured.value
                               << " " << claim_name(check.claim) << " " << check.expected << " ("
                               << check.source << ")";
  }
}

// Both sides of every lemma of the proof, with channel noise and without.
TEST(LemmaChecks, EveryLemmaIsThere) {
  std::set<std::string> lemmas;
  for (const auto& row : results().rows) {
    lemmas.insert(row.lemma);
    EXPECT_GT(row.left.value, 0) << row.lemma;
    EXPECT_GT(row.right, 0) << row.lemma;
    EXPECT_GT(row.left.standard_error, 0) << row.lemma;
  }
  EXPECT_EQ(lemmas, (std::set<std::string>{"Lemma 1", "Lemma 11", "Lemma 12", "Lemma 13", "Lemma 2, 5",
                                           "Lemma 3", "Lemma 4", "Lemma 6"}));
}

TEST(LemmaChecks, EveryControlIsCaught) {
  ASSERT_EQ(results().controls.size(), 4U);
  for (const auto& control : results().controls) EXPECT_TRUE(control.caught()) << control.name;
}

TEST(LemmaSetting, LiesAtTheEdgeOfTheTheorem) {
  for (const auto kind : {Case::kQuasiConvex, Case::kConvex, Case::kNonConvex}) {
    const auto setting = lemma_setting(kind, true);
    EXPECT_GT(setting.problem.gradient_noise_factor, 0);
    EXPECT_TRUE(theory::assumption5_holds(setting.problem));
    auto beyond = setting.problem;
    beyond.influence *= 1.001;
    EXPECT_FALSE(theory::assumption5_holds(beyond));
    EXPECT_DOUBLE_EQ(setting.step, theory::largest_step(setting.problem));
    EXPECT_LE(setting.step, (1 - 2 * setting.problem.influence) * theory::lemma13_step(setting.problem));
    EXPECT_LE(setting.step, theory::lemma13_step(setting.problem));
    EXPECT_EQ(lemma_setting(kind, false).problem.influence, 0);
  }
}

// What the inequalities cannot see, the equalities do: each constant of the step off by a little.
TEST(LemmaChecks, EqualitiesSeeWhatInequalitiesDoNot) {
  const auto right = lemma_setting(Case::kConvex, true);
  constexpr std::int64_t kRound = 60, kDraws = 4096;
  const auto moments = lemma_step(right, kRound, kDraws, 11);
  const auto within = [](const Estimate& measured, double exact) {
    return std::abs(measured.value - exact) <= kFailing * measured.standard_error;
  };
  EXPECT_TRUE(within(moments.change, moments.exact_change));
  EXPECT_TRUE(within(moments.memory, moments.exact_memory));
  EXPECT_LT(5 * moments.change.standard_error, 0.01 * moments.change.value) << "a test of 1 %";
  const auto wrong = [&](auto change) {
    auto setting = right;
    change(setting);
    return lemma_step(setting, kRound, kDraws, 11);
  };
  const auto loud = wrong([](LemmaSetting& s) { s.power /= 10; });
  EXPECT_FALSE(within(loud.change, loud.exact_change));
  for (const auto& row : rows_of_step(right, kRound, loud))
    EXPECT_TRUE(lemma_check(row, kDraws).holds()) << row.lemma;
  const auto sharp = wrong([](LemmaSetting& s) { s.problem.compression_quality *= 1.05; });
  EXPECT_FALSE(within(sharp.memory, sharp.exact_memory));
}

TEST(LemmaRows, AViolatedLemmaIsCaught) {
  const auto setting = lemma_setting(Case::kQuasiConvex, true);
  std::vector<LemmaTrace> traces;
  for (std::uint32_t i = 0; i < 4; ++i) traces.push_back(lemma_run(setting, 20, derived_seed(9, i)));
  const auto rows = rows_along_runs(setting, traces);
  ASSERT_EQ(rows.size(), 5U);
  for (const auto& row : rows) EXPECT_TRUE(lemma_check(row, 4).holds()) << row.lemma << " " << row.place;
  // Distances and values that grow where they should fall.
  for (auto& trace : traces) {
    trace.distance[7] *= 1.5;
    trace.value[7] *= 1.5;
    trace.memory[7] *= 20;
  }
  const auto broken = rows_along_runs(setting, traces);
  for (const auto& row : broken) {
    if (row.place != "t = 6") continue;
    EXPECT_FALSE(lemma_check(row, 4).holds()) << row.lemma;
  }
  EXPECT_EQ(std::ranges::count_if(broken, [](const auto& row) { return row.place == "t = 6"; }), 3);
}

TEST(TheoremRows, AreExactBelowTheirBound) {
  const auto rows = theorem_rows({64, 256});
  ASSERT_EQ(rows.size(), 4U);
  const auto setting = lemma_setting(Case::kQuasiConvex, true);
  for (const auto& row : rows) {
    EXPECT_TRUE(theorem_check(row).holds());
    EXPECT_GT(row.left, 0.001 * row.right) << "not vacuous";
    auto wrong = row;
    wrong.right = row.left / 2;
    EXPECT_FALSE(theorem_check(wrong).holds());
  }
  // The left side is what runs of the real code average, at this step and with these weights.
  auto slow = setting;
  slow.step = rows[0].step;
  const double keep = 1 - setting.problem.quasi_convexity * slow.step / 2;
  std::vector<double> gaps;
  for (std::uint32_t i = 0; i < 24; ++i) {
    const auto trace = lemma_run(slow, 64, derived_seed(12, i));
    double weight = 0, gap = 0;
    for (const double g : trace.gap) {
      weight = weight * keep + 1;
      gap = gap * keep + g;
    }
    gaps.push_back(gap / weight);
  }
  const auto measured = mean_of(gaps);
  EXPECT_NEAR(measured.value, rows[0].left, 5 * measured.standard_error);
  EXPECT_LT(measured.standard_error, 0.01 * measured.value);
}

}  // namespace
}  // namespace laser::verify
