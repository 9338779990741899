#include "theory.hpp"

#include <fmt/format.h>

#include <memory>

#include "laser/core/fail.hpp"
#include "laser/model/shapes.hpp"
#include "laser/power/factor_split.hpp"
#include "laser/power/schedule.hpp"
#include "laser/theory/convergence.hpp"
#include "laser/theory/influence.hpp"
#include "laser/theory/volume.hpp"
#include "theory_table.hpp"

namespace laser {
namespace {

// What the subcommands share; each registers the options that it reads.
struct Arguments {
  std::int64_t m = 0, n = 0, workers = 1, periods = 0;
  std::string power, rank = "4", rounds, influence = "0", model, policy = "constant";
  std::vector<double> kappa, levels;
  double phi = 0.5, compression_factor = 0.2, squared_distance = 1, gap = 1, exponent = 0.8;
  bool optimal = false, json = false;
  theory::Problem problem;
};

using Fill = ValueTable (*)(const Arguments&);

// A subcommand whose callback prints the table that `fill` returns.
CLI::App* add(CLI::App& theory, const std::shared_ptr<Arguments>& arguments, const char* name,
              const char* help, Fill fill) {
  auto* command = theory.add_subcommand(name, help);
  command->add_flag("--json", arguments->json, "One JSON object instead of a table");
  command->callback([arguments, fill] { fill(*arguments).print(arguments->json); });
  return command;
}

void add_matrix(CLI::App* command, Arguments& a) {
  command->add_option("--m", a.m, "Rows of the matrix")->required();
  command->add_option("--n", a.n, "Columns of the matrix")->required();
}

void add_power(CLI::App* command, Arguments& a) {
  command->add_option("--power", a.power, fmt::format("Energy per worker and round: {}", kPowersHelp))
      ->required();
}

void add_rank(CLI::App* command, Arguments& a) {
  command->add_option("--rank", a.rank, fmt::format("Rank r: {}", kSweepHelp))->capture_default_str();
}

ValueTable split_table(const Arguments& a) {
  ValueTable table{fmt::format("Energy between the factors of a rank-one {} x {} matrix (Lemma 7)", a.m, a.n),
                   {"power", "alpha", "beta", "alpha_share", "lambda", "lambda_bound"},
                   {},
                   {}};
  for (const double power : parse_powers("--power", a.power)) {
    const auto split = split_between_factors(a.m, a.n, power);
    table.rows.push_back({power, split.left_energy, split.right_energy, split.left_energy / power,
                          split.influence, factor_influence_bound(a.m, a.n, power)});
  }
  return table;
}

ValueTable ranks_table(const Arguments& a) {
  ValueTable table{fmt::format("Energy over the rank-one terms of a {} x {} matrix ({})", a.m, a.n,
                               a.optimal ? "optimal, spec 3.4" : "Lemma 8"),
                   {"power", "term", "kappa", "energy", "alpha", "beta", "lambda", "lambda_bound"},
                   {},
                   {"lambda and its bound belong to the whole matrix."}};
  const auto rank = static_cast<std::int64_t>(a.kappa.size());
  const auto rule = a.optimal ? RankAllocation::optimal : RankAllocation::sqrt_kappa;
  for (const double power : parse_powers("--power", a.power)) {
    const auto split = split_over_ranks(a.m, a.n, power, a.kappa, rule);
    const double bound = rank_influence_bound(a.m, a.n, rank, power);
    for (std::size_t j = 0; j < a.kappa.size(); ++j) {
      table.rows.push_back({power, j + 1, a.kappa[j], split.energies[j], split.left_energies[j],
                            split.right_energies[j], split.influence, bound});
    }
  }
  return table;
}

ValueTable lambda_table(const Arguments& a) {
  ValueTable table{fmt::format("Channel influence factors of a {} x {} matrix, {} worker(s) (spec 6)", a.m,
                               a.n, a.workers),
                   {"rank", "power", "snr", "zsgd", "zsgd_k_equal", "zsgd_k_orthogonal", "one_shot_bound",
                    "bound_ratio", "two_phase", "alternating_even", "alternating_odd"},
                   {},
                   {"All but the zsgd_k columns are for one worker; two_phase uses phi = " +
                    fmt::format("{}", a.phi) + "."}};
  for (const auto rank : parse_integer_sweep("--rank", a.rank)) {
    for (const double power : parse_powers("--power", a.power)) {
      table.rows.push_back({rank, power, theory::signal_to_noise(a.m, a.n, power),
                            theory::influence_uncompressed(a.m, a.n, power),
                            theory::influence_workers_equal(a.m * a.n, power, a.workers),
                            theory::influence_workers_orthogonal(a.m * a.n, power, a.workers),
                            theory::influence_one_shot_bound(a.m, a.n, rank, power),
                            theory::influence_bound_ratio(a.m, a.n, rank, power),
                            theory::influence_two_phase(a.m, a.n, rank, power, a.phi),
                            theory::influence_alternating_even(a.m, a.n, rank, power),
                            theory::influence_alternating_odd(a.m, a.n, rank, power)});
    }
  }
  return table;
}

ValueTable bounds_table(const Arguments& a) {
  ValueTable table{"Theorem 1 with the constants of its proof (spec 6)",
                   {"lambda", "rounds", "step_max", "assumption5", "convex_step", "convex_bound",
                    "nonconvex_step", "nonconvex_bound", "quasiconvex_decay", "quasiconvex_variance"},
                   {},
                   {"The bounds are the closed forms; the quasi-convex terms hold up to log factors.",
                    "Where assumption5 is 'no' the numbers show a trend and guarantee nothing."}};
  for (const double influence : parse_sweep("--lambda", a.influence)) {
    auto problem = a.problem;
    problem.influence = influence;
    for (const auto rounds : parse_integer_sweep("--rounds", a.rounds)) {
      const auto convex = theory::convex_bound(problem, rounds, a.squared_distance);
      const auto nonconvex = theory::nonconvex_bound(problem, rounds, a.gap);
      std::vector<ValueCell> row{influence,
                                 rounds,
                                 theory::largest_step(problem),
                                 theory::assumption5_holds(problem),
                                 convex.step,
                                 convex.closed_form,
                                 nonconvex.step,
                                 nonconvex.closed_form};
      if (problem.quasi_convexity > 0) {
        const auto terms = theory::quasi_convex_terms(problem, rounds, a.squared_distance);
        row.insert(row.end(), {terms.decay, terms.variance});
      } else {
        row.insert(row.end(), {nullptr, nullptr});
      }
      table.rows.push_back(row);
    }
  }
  return table;
}

ValueTable volume_table(const Arguments& a) {
  const auto layout = model_layout(a.model);
  ValueTable table{fmt::format("Data per worker and iteration, {}: {} parameters in {} tensors (spec 7)",
                               a.model, layout.size, layout.layers.size()),
                   {"algorithm", "rank", "symbols", "bytes", "ratio"},
                   {},
                   {fmt::format("Compression factor {}. Signum's symbols are analog but counted as bits.",
                                a.compression_factor)}};
  const auto ranks = parse_integer_sweep("--rank", a.rank);
  for (const auto& [name, scheme] : theory::kVolumeSchemes) {
    const bool has_rank = name.starts_with("laser");
    for (const auto rank : has_rank ? ranks : std::vector<std::int64_t>{1}) {
      const auto volume = theory::data_volume(layout, scheme, {rank, a.compression_factor});
      table.rows.push_back({std::string(name), has_rank ? ValueCell(rank) : ValueCell(), volume.symbols,
                            volume.bytes, volume.compression_ratio});
    }
  }
  return table;
}

ValueTable policy_table(const Arguments& a) {
  constexpr std::int64_t kMostPeriods = 1'000'000;  // rows of the table
  if (a.periods > kMostPeriods) {
    fail(ExitCode::kConfiguration, "--periods is {}: a table of at most {} rows is printed", a.periods,
         kMostPeriods);
  }
  ValueTable table{
      fmt::format("Power policy {} over {} periods (spec 3.1)", a.policy, a.periods), {"t"}, {}, {}};
  std::vector<std::vector<double>> schedules;
  for (const double power : parse_powers("--power", a.power)) {
    table.columns.push_back(fmt::format("mean {:g}", power));
    schedules.push_back(power_schedule(parse_power_policy(a.policy), a.periods, power, a.levels, a.exponent));
  }
  for (std::int64_t t = 0; t < a.periods; ++t) {
    std::vector<ValueCell> row{t};
    for (const auto& schedule : schedules) row.emplace_back(schedule[static_cast<std::size_t>(t)]);
    table.rows.push_back(row);
  }
  return table;
}

void add_bounds(CLI::App& theory, const std::shared_ptr<Arguments>& a) {
  auto* bounds = add(theory, a, "bounds", "Theorem 1: convergence bounds and step sizes", bounds_table);
  auto& problem = a->problem;
  bounds->add_option("--smoothness,--L", problem.smoothness, "L")->required();
  bounds->add_option("--gradient-noise,--M", problem.gradient_noise_factor, "M")->capture_default_str();
  bounds->add_option("--mu", problem.quasi_convexity, "Quasi-convexity; 0 for none")->capture_default_str();
  bounds->add_option("--sigma2", problem.gradient_variance, "Gradient variance")->capture_default_str();
  bounds->add_option("--delta", problem.compression_quality, "Compression quality")->capture_default_str();
  bounds->add_option("--lambda", a->influence, fmt::format("Influence factor: {}", kSweepHelp))
      ->capture_default_str();
  bounds->add_option("--rounds,--T", a->rounds, fmt::format("T: {}", kSweepHelp))->required();
  bounds->add_option("--distance2,--R0", a->squared_distance, "||x0 - x*||^2")->capture_default_str();
  bounds->add_option("--gap,--F0", a->gap, "f(x0) - f*")->capture_default_str();
}

}  // namespace

void add_theory_command(CLI::App& app, const CommandLine& line) {
  auto* theory = app.add_subcommand("theory", "The paper's formulas as a calculator");
  theory->require_subcommand(1);
  const auto a = std::make_shared<Arguments>();

  auto* split = add(*theory, a, "split", "Energy between the factors P and Q (Lemma 7)", split_table);
  add_matrix(split, *a);
  add_power(split, *a);

  auto* ranks = add(*theory, a, "ranks", "Energy over the rank-one terms (Lemma 8)", ranks_table);
  add_matrix(ranks, *a);
  add_power(ranks, *a);
  ranks->add_option("--kappa", a->kappa, "Energies of the terms, as 0.7,0.2,0.1")->required()->delimiter(',');
  ranks->add_flag("--optimal", a->optimal, "Minimise lambda exactly instead of Lemma 8's rule");

  auto* lambda = add(*theory, a, "lambda", "Channel influence factors (Lemmas 9 and 10)", lambda_table);
  add_matrix(lambda, *a);
  add_power(lambda, *a);
  add_rank(lambda, *a);
  lambda->add_option("--phi", a->phi, "First phase's part of the two-phase budget")->capture_default_str();
  lambda->add_option("--workers", a->workers, "k")->capture_default_str();

  add_bounds(*theory, a);

  auto* volume = add(*theory, a, "volume", "Data volume per iteration (Table 5)", volume_table);
  volume->add_option("--model", a->model, "mnist_linear, resnet18_cifar10, resnet18_cifar100 or gpt2")
      ->required();
  add_rank(volume, *a);
  volume->add_option("--cf", a->compression_factor, "Compression factor of Random-K and sketching")
      ->capture_default_str();

  auto* policy = add(*theory, a, "policy", "Power over time (spec 3.1)", policy_table);
  policy
      ->add_option("--policy", a->policy,
                   "constant, linear_up, linear_down, step_up, step_down, power_law or custom")
      ->capture_default_str();
  policy->add_option("--periods,--T", a->periods, "Number of periods")->required();
  policy->add_option("--exponent", a->exponent, "a of power_law, (t + 1)^a")->capture_default_str();
  policy->add_option("--levels", a->levels, "Shape of the custom policy, as 1,2,1")->delimiter(',');
  add_power(policy, *a);

  add_theory_channels(*theory);
  add_theory_condition(*theory);
  add_theory_plan(*theory);
  add_theory_swept(*theory);
  add_theory_verify(*theory, line);
}

}  // namespace laser
