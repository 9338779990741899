#include "laser/verify/lemma_checks.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/verify/moments.hpp"

namespace laser::verify {
namespace {

constexpr Case kCases[] = {Case::kQuasiConvex, Case::kConvex, Case::kNonConvex};
constexpr std::uint32_t kLemmaSeed = 900000;  // of this part among the derived seeds
constexpr std::int64_t kLateRound = 100;      // of the repeated rounds; the other is 0

bool has_channel(const LemmaSetting& setting) { return setting.problem.influence > 0; }

std::string subject_of(const LemmaSetting& setting) {
  return case_name(setting.objective.kind()) + (has_channel(setting) ? "" : ", no channel noise");
}

/// The number of a lemma with or without lambda.
std::string numbered(const LemmaSetting& setting, const char* noisy, const char* quiet) {
  return std::string("Lemma ") + (has_channel(setting) ? noisy : quiet);
}

/// Squared gradients of rounds t, t - 1, ..., 0.
std::vector<double> newest_first(const LemmaTrace& trace, std::size_t t) {
  return {trace.squared_gradient.rend() - static_cast<std::ptrdiff_t>(t) - 1, trace.squared_gradient.rend()};
}

using Sides = std::function<theory::Inequality(const LemmaTrace&, std::size_t t)>;

/// Mean of both sides over the runs; both are linear in what a run leaves, so that the difference of one run
/// is an independent draw of the difference.
LemmaRow averaged(const std::string& lemma, const LemmaSetting& setting,
                  const std::vector<LemmaTrace>& traces, std::size_t t, const Sides& sides) {
  LemmaRow row{lemma, subject_of(setting), fmt::format("t = {}", t), {}, 0};
  const auto count = static_cast<double>(traces.size());
  std::vector<double> differences;
  for (const auto& trace : traces) {
    const auto both = sides(trace, t);
    row.left.value += both.left / count;
    row.right += both.right / count;
    differences.push_back(both.left - both.right);
  }
  row.left.standard_error = mean_of(differences).standard_error;
  return row;
}

/// At the round where left over right is largest.
LemmaRow worst(const std::string& lemma, const LemmaSetting& setting, const std::vector<LemmaTrace>& traces,
               const Sides& sides) {
  LemmaRow found;
  for (std::size_t t = 0; t + 1 < traces.front().distance.size(); ++t) {
    auto row = averaged(lemma, setting, traces, t, sides);
    if (t == 0 || row.left.value * found.right > found.left.value * row.right) found = std::move(row);
  }
  return found;
}

/// Lemma 12's (2's) weighted sum over a whole run, with the weights of Theorem 1.
theory::Inequality weighted(const LemmaSetting& setting, const LemmaTrace& trace) {
  const auto length = trace.memory.size();
  const double contraction = setting.problem.quasi_convexity * setting.step / 2;
  std::vector<double> weights;
  for (std::size_t t = 0; t < length; ++t)
    weights.push_back(std::pow(1 - contraction, -static_cast<double>(t + 1)));
  LASER_CHECK(theory::is_slow_increasing(weights, 4 / setting.problem.compression_quality));
  const std::vector<double> steps(length, setting.step);
  const theory::WeightedRun run{weights, steps, trace.memory, trace.squared_gradient};
  return has_channel(setting) ? theory::lemma12_weighted(setting.problem, run)
                              : theory::lemma2_weighted(setting.problem, run);
}

/// Lemma 3 (a = mu/2 > 0) or Lemma 6 (a = 0) with r_t = ||x~_t - x*||^2 and c = 2 sigma^2 Lam.
theory::Inequality telescoped(const LemmaSetting& setting, const LemmaTrace& trace) {
  const auto& problem = setting.problem;
  const double c = 2 * problem.gradient_variance * (1 + problem.influence);
  const auto sum = theory::lemma3(trace.distance, problem.quasi_convexity / 2, c, setting.step);
  if (problem.quasi_convexity > 0) return sum;
  return {sum.left, theory::lemma6(trace.distance.front(), c, 1 / setting.step,
                                   static_cast<std::int64_t>(trace.distance.size()) - 2)
                        .right};
}

Check equality(const LemmaSetting& setting, const std::string& quantity, const std::string& source,
               std::int64_t t, std::int64_t draws, Estimate measured, double exact) {
  auto check = equality("lemmas", fmt::format("{}, round {} repeated", subject_of(setting), t), quantity,
                        source, measured, exact, draws);
  check.power = has_channel(setting) ? setting.power : 0;
  return check;
}

std::vector<Check> step_equalities(const LemmaSetting& setting, std::int64_t t, std::int64_t draws,
                                   const StepMoments& moments) {
  return {
      equality(setting, "variance of x~+", "docs/theory.md 6.4", t, draws, moments.change,
               moments.exact_change),
      equality(setting, "E ||e+||^2", "docs/theory.md 6.4", t, draws, moments.memory, moments.exact_memory)};
}

/// What must go wrong: the inequalities of a setting whose step breaks their condition.
LemmaSetting with_step(LemmaSetting setting, double step) {
  setting.step = step;
  return setting;
}

}  // namespace

std::vector<LemmaRow> rows_along_runs(const LemmaSetting& setting, const std::vector<LemmaTrace>& traces) {
  const auto& problem = setting.problem;
  std::vector<LemmaRow> rows;
  if (setting.objective.kind() != Case::kNonConvex) {
    rows.push_back(
        worst(numbered(setting, "11", "1"), setting, traces, [&](const LemmaTrace& run, std::size_t t) {
          return theory::lemma11(problem, setting.step,
                                 {run.distance[t], run.distance[t + 1], run.gap[t], run.memory[t]});
        }));
  }
  rows.push_back(
      worst(numbered(setting, "12", "2, 5"), setting, traces, [&](const LemmaTrace& run, std::size_t t) {
        const auto gradients = newest_first(run, t);
        return has_channel(setting) ? theory::lemma12(problem, setting.step, run.memory[t + 1], gradients)
                                    : theory::lemma2(problem, setting.step, run.memory[t + 1], gradients);
      }));
  auto sum = averaged(numbered(setting, "12", "2, 5"), setting, traces, 0,
                      [&](const LemmaTrace& run, std::size_t) { return weighted(setting, run); });
  sum.place = "weighted sum";
  rows.push_back(sum);
  rows.push_back(
      worst(numbered(setting, "13", "4"), setting, traces, [&](const LemmaTrace& run, std::size_t t) {
        return theory::lemma13(problem, setting.step,
                               {run.value[t], run.value[t + 1], run.squared_gradient[t], run.memory[t]});
      }));
  if (setting.objective.kind() != Case::kNonConvex) {
    auto telescope = averaged(problem.quasi_convexity > 0 ? "Lemma 3" : "Lemma 6", setting, traces, 0,
                              [&](const LemmaTrace& run, std::size_t) { return telescoped(setting, run); });
    telescope.place = "sum over the run";
    rows.push_back(telescope);
  }
  return rows;
}

std::vector<LemmaRow> rows_of_step(const LemmaSetting& setting, std::int64_t t, const StepMoments& moments) {
  const auto& problem = setting.problem;
  const auto& before = moments.before;
  const auto place = fmt::format("round {} repeated", t);
  std::vector<LemmaRow> rows;
  const auto add = [&](const std::string& lemma, double standard_error, const theory::Inequality& sides) {
    rows.push_back({lemma, subject_of(setting), place, {sides.left, standard_error}, sides.right});
  };
  if (setting.objective.kind() != Case::kNonConvex) {
    add(numbered(setting, "11", "1"), moments.distance.standard_error,
        theory::lemma11(
            problem, setting.step,
            {before.distance.back(), moments.distance.value, before.gap.back(), before.memory.back()}));
  }
  if (t == 0) {
    const auto sides = [&](double memory) {
      return has_channel(setting) ? theory::lemma12(problem, setting.step, memory, before.squared_gradient)
                                  : theory::lemma2(problem, setting.step, memory, before.squared_gradient);
    };
    add(numbered(setting, "12", "2, 5"), sides(moments.memory.standard_error).left,
        sides(moments.memory.value));
  }
  add(numbered(setting, "13", "4"), moments.value.standard_error,
      theory::lemma13(
          problem, setting.step,
          {before.value.back(), moments.value.value, before.squared_gradient.back(), before.memory.back()}));
  return rows;
}

Check lemma_check(const LemmaRow& row, std::int64_t samples) {
  Check check;
  check.group = "lemmas";
  check.subject = row.subject + ", " + row.place;
  check.quantity = "left side";
  check.source = row.lemma;
  check.claim = Claim::kAtMost;
  check.measured = row.left;
  check.expected = row.right;
  check.samples = samples;
  return check;
}

LemmaChecks::LemmaChecks(std::uint64_t seed, LemmaSize size) : seed_(seed), size_(size) {
  for (const auto kind : kCases) {
    for (const bool noisy : {true, false}) {
      const auto setting = lemma_setting(kind, noisy);
      runs_.push_back({setting, std::vector<LemmaTrace>(static_cast<std::size_t>(size.runs))});
      if (!noisy) continue;
      for (const std::int64_t t : {std::int64_t{0}, kLateRound})
        steps_.push_back({setting, setting, "", t, {}});
    }
  }
  const auto right = lemma_setting(Case::kQuasiConvex, true);
  auto noisy = right;
  noisy.power /= 10;
  steps_.push_back({right, noisy, "lambda ten times too large", kLateRound, {}});
  const auto far = with_step(right, 4 / right.problem.smoothness);
  steps_.push_back({far, far, "step 4/L", 0, {}});
}

std::vector<Task> LemmaChecks::tasks() {
  std::vector<Task> tasks;
  std::uint32_t index = kLemmaSeed;
  for (auto& runs : runs_) {
    constexpr std::int64_t kRunsATask = 16;
    for (std::int64_t first = 0; first < size_.runs; first += kRunsATask) {
      const auto last = std::min(size_.runs, first + kRunsATask);
      tasks.push_back({1.3 * static_cast<double>((last - first) * size_.rounds), "lemmas",
                       [this, &runs, first, last, index] {
                         for (auto i = first; i < last; ++i)
                           runs.traces[static_cast<std::size_t>(i)] =
                               lemma_run(runs.setting, size_.rounds,
                                         derived_seed(seed_, index + static_cast<std::uint32_t>(i)));
                       }});
    }
    index += 10000;
  }
  for (auto& steps : steps_) {
    tasks.push_back({1.5 * static_cast<double>(size_.draws), "lemmas", [this, &steps, index] {
                       steps.moments =
                           lemma_step(steps.truth, steps.t, size_.draws, derived_seed(seed_, index));
                     }});
    index += 10000;
  }
  return tasks;
}

std::vector<LemmaRow> LemmaChecks::rows() const {
  std::vector<LemmaRow> rows;
  const auto add = [&rows](const std::vector<LemmaRow>& more) {
    rows.insert(rows.end(), more.begin(), more.end());
  };
  for (const auto& steps : steps_) {
    if (steps.wrong.empty()) add(rows_of_step(steps.setting, steps.t, steps.moments));
  }
  for (const auto& runs : runs_) add(rows_along_runs(runs.setting, runs.traces));
  return rows;
}

std::vector<Check> LemmaChecks::checks() const {
  std::vector<Check> checks;
  for (const auto& steps : steps_) {
    if (!steps.wrong.empty()) continue;
    const auto some = step_equalities(steps.setting, steps.t, size_.draws, steps.moments);
    checks.insert(checks.end(), some.begin(), some.end());
  }
  for (const auto& row : rows()) {
    const bool step = row.place.starts_with("round");
    checks.push_back(lemma_check(row, step ? size_.draws : size_.runs));
  }
  return checks;
}

std::vector<ControlResult> LemmaChecks::controls() const {
  std::vector<ControlResult> results;
  for (const auto& steps : steps_) {
    if (steps.wrong.empty()) continue;
    if (steps.setting.power != steps.truth.power) {
      const auto check = step_equalities(steps.setting, steps.t, size_.draws, steps.moments).front();
      results.push_back({steps.wrong, check.subject, 1, check.holds() ? 0 : 1, check});
      continue;
    }
    for (const auto& row : rows_of_step(steps.setting, steps.t, steps.moments)) {
      const auto check = lemma_check(row, size_.draws);
      results.push_back({steps.wrong + ", " + row.lemma, check.subject, 1, check.holds() ? 0 : 1, check});
    }
  }
  return results;
}

}  // namespace laser::verify
