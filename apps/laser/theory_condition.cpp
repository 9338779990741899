// laser theory condition: the powers at which a rank suits, and at which Theorem 1 speaks at all.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "laser/core/fail.hpp"
#include "laser/theory/condition.hpp"
#include "laser/theory/convergence.hpp"
#include "laser/theory/influence.hpp"
#include "theory.hpp"
#include "theory_table.hpp"

namespace laser {
namespace {

struct ConditionArguments {
  std::int64_t m = 0, n = 0, workers = 1, tensors = 1;
  std::string power, rank = "4", delta;
  double squared_distance = 1;
  theory::Problem problem{.gradient_variance = 1};
  bool json = false;

  [[nodiscard]] bool has_matrix() const { return m != 0 || n != 0; }
  [[nodiscard]] bool has_power() const { return !power.empty(); }
};

// The qualities to assume: what every message is sure of, and the best that there is.
std::vector<double> qualities(const ConditionArguments& a, std::int64_t rank) {
  if (!a.delta.empty()) return parse_sweep("--delta", a.delta);
  const double guaranteed = theory::guaranteed_quality(a.m, a.n, rank);
  return guaranteed < 1 ? std::vector{guaranteed, 1.0} : std::vector{1.0};
}

std::string favoured(double ratio) { return ratio > 1 ? "LASER" : ratio < 1 ? "Z-SGD" : "neither"; }

// The columns about Theorem 1 for one rank and quality.
std::vector<ValueCell> theorem_cells(const ConditionArguments& a, std::int64_t rank, double delta,
                                     const double* power) {
  const auto k = static_cast<double>(a.workers);
  const double alone = theory::least_power(a.m, a.n, rank, delta, a.problem.gradient_noise_factor, a.tensors);
  const double least = alone / k;
  const double share = alone / static_cast<double>(a.tensors);  // of one tensor, as one worker would need it
  auto laser = a.problem;
  laser.compression_quality = delta;
  laser.influence = theory::influence_one_shot_bound(a.m, a.n, rank, share);
  const auto zsgd = theory::uncompressed_problem(a.problem, theory::influence_uncompressed(a.m, a.n, share));
  const auto comparison = theory::compare(laser, zsgd, a.squared_distance);
  std::vector<ValueCell> cells{delta, theory::largest_influence(delta, a.problem.gradient_noise_factor),
                               least};
  if (a.workers > 1) cells.emplace_back(least / k);
  if (power != nullptr) cells.emplace_back(*power >= least);
  cells.insert(cells.end(), {zsgd.influence, comparison.early, comparison.late, favoured(comparison.early),
                             favoured(comparison.late)});
  cells.emplace_back(std::isfinite(comparison.rounds) ? ValueCell(comparison.rounds) : ValueCell());
  return cells;
}

void add_columns(ValueTable& table, const ConditionArguments& a) {
  if (a.has_power()) {
    for (const char* name : {"power", "needed", "fits", "needed_exact", "fits_exact", "largest_rank"})
      table.columns.emplace_back(name);
    table.notes.emplace_back(
        "needed = 4 r^2 L (the paper); needed_exact counts 4 r/min(m, n) too and needs --m and --n.");
  }
  if (!a.has_matrix()) return;
  table.columns.insert(table.columns.end(), {"delta", "lambda_most", "least_power"});
  if (a.workers > 1) table.columns.emplace_back("least_power_equal");
  if (a.has_power()) table.columns.emplace_back("speaks");
  for (const char* name : {"lambda_zsgd", "early", "late", "favours_early", "favours_late", "rounds_from"})
    table.columns.emplace_back(name);
  table.notes.emplace_back(
      "Theorem 1 speaks about LASER from least_power on: there Lemma 10's bound is lambda_most.");
  table.notes.emplace_back(
      "At that power, early and late: Z-SGD's bound over LASER's at the start and once noise dominates.");
  table.notes.push_back(fmt::format(
      "LASER's bound is the smaller one from rounds_from on ('-': never), with R0 = {:g}, L = {:g}, "
      "sigma^2 = {:g}.",
      a.squared_distance, a.problem.smoothness, a.problem.gradient_variance));
  if (a.delta.empty())
    table.notes.emplace_back("delta: r/min(m, n), which every message is sure of, and 1, the best there is.");
  if (a.workers > 1) {
    table.notes.push_back(fmt::format(
        "least_power is for {} workers with orthogonal gradients, least_power_equal for equal ones.",
        a.workers));
  }
}

ValueTable condition_table(const ConditionArguments& a) {
  if (!a.has_matrix() && !a.has_power()) {
    fail(ExitCode::kUsage,
         "theory condition needs a matrix or a power. HINT: --m 512 --n 4608 for the power from which "
         "Theorem 1 "
         "speaks, --power 250 --tensors 62 for the ranks that suit a power");
  }
  if (a.workers < 1)
    fail(ExitCode::kConfiguration, "the number of workers k is {}: it must be at least 1", a.workers);
  ValueTable table{
      a.has_matrix() ? fmt::format("Where rank r and Theorem 1 suit the power, {} tensor(s) of {} x "
                                   "{}, {} worker(s) (spec 6)",
                                   a.tensors, a.m, a.n, a.workers)
                     : fmt::format("Is rank r low enough for power P over {} tensor(s)? (spec 6)", a.tensors),
      {"rank"},
      {},
      {}};
  add_columns(table, a);
  const auto powers = a.has_power() ? parse_powers("--power", a.power) : std::vector<double>{};
  for (const auto rank : parse_integer_sweep("--rank", a.rank)) {
    for (std::size_t i = 0; i < std::max<std::size_t>(1, powers.size()); ++i) {
      std::vector<ValueCell> start{rank};
      if (a.has_power()) {
        start.insert(start.end(), {powers[i], theory::power_for_rank(rank, a.tensors),
                                   theory::rank_fits_power(rank, powers[i], a.tensors)});
        if (a.has_matrix()) {
          const double needed = theory::power_for_rank_exact(a.m, a.n, rank, a.tensors);
          start.insert(start.end(), {needed, powers[i] > needed});
        } else {
          start.insert(start.end(), {nullptr, nullptr});
        }
        start.emplace_back(theory::largest_rank_for_power(powers[i], a.tensors));
      }
      for (const double delta : a.has_matrix() ? qualities(a, rank) : std::vector{1.0}) {
        auto row = start;
        if (a.has_matrix()) {
          const auto cells = theorem_cells(a, rank, delta, a.has_power() ? &powers[i] : nullptr);
          row.insert(row.end(), cells.begin(), cells.end());
        }
        table.rows.push_back(row);
      }
    }
  }
  return table;
}

}  // namespace

void add_theory_condition(CLI::App& theory) {
  const auto a = std::make_shared<ConditionArguments>();
  auto* command = theory.add_subcommand(
      "condition", "The power from which Theorem 1 speaks and whom it favours; the ranks that suit a power");
  auto* m = command->add_option("--m", a->m, "Rows of the matrix");
  auto* n = command->add_option("--n", a->n, "Columns of the matrix");
  m->needs(n);
  n->needs(m);
  command->add_option("--rank", a->rank, fmt::format("Rank r: {}", kSweepHelp))->capture_default_str();
  command->add_option(
      "--power", a->power,
      fmt::format("Energy per worker and round, for the ranks that suit it: {}", kPowersHelp));
  command->add_option("--tensors", a->tensors, "L tensors share the power")->capture_default_str();
  command->add_option("--workers", a->workers, "k")->capture_default_str();
  command->add_option("--delta", a->delta,
                      fmt::format("Compression quality: {} (default: r/min(m, n) and 1)", kSweepHelp));
  command->add_option("--gradient-noise,--M", a->problem.gradient_noise_factor, "M")->capture_default_str();
  command->add_option("--smoothness,--L", a->problem.smoothness, "L")->capture_default_str();
  command->add_option("--sigma2", a->problem.gradient_variance, "Gradient variance")->capture_default_str();
  command->add_option("--distance2,--R0", a->squared_distance, "||x0 - x*||^2")->capture_default_str();
  command->add_flag("--json", a->json, "One JSON object instead of a table");
  command->callback([a] { condition_table(*a).print(a->json); });
}

}  // namespace laser
