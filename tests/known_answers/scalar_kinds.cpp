#include "scalar_kinds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "../power/over_workers.hpp"
#include "laser/core/fail.hpp"
#include "laser/model/shapes.hpp"
#include "laser/power/allocation.hpp"
#include "laser/power/factor_split.hpp"
#include "laser/power/schedule.hpp"
#include "laser/theory/channel_noise.hpp"
#include "laser/theory/condition.hpp"
#include "laser/theory/convergence.hpp"
#include "laser/theory/influence.hpp"
#include "laser/theory/lemmas.hpp"
#include "laser/theory/volume.hpp"
#include "laser/train/learning_rate.hpp"

namespace laser::known_answers {
namespace {

using Reals = std::vector<double>;
using Integers = std::vector<std::int64_t>;

// An integer that may be written as 4 or 4.0; anything else is refused instead of rounded.
std::int64_t as_integer(const Json& value) {
  const double real = value.get<double>();
  if (real != std::floor(real) || std::abs(real) > 1e9)
    fail(ExitCode::kData, "{} is not an integer up to 10^9", real);
  return static_cast<std::int64_t>(real);
}

std::int64_t integer(const Json& inputs, const char* key) { return as_integer(inputs.at(key)); }

std::int64_t integer(const Json& inputs, const char* key, std::int64_t otherwise) {
  return inputs.contains(key) ? integer(inputs, key) : otherwise;
}

Integers integers(const Json& list) {
  Integers values;
  for (const auto& value : list) values.push_back(as_integer(value));
  return values;
}

double real(const Json& inputs, const char* key) { return inputs.at(key).get<double>(); }

double real(const Json& inputs, const char* key, double otherwise) {
  return inputs.contains(key) ? real(inputs, key) : otherwise;
}

Reals reals(const Json& inputs, const char* key) { return inputs.at(key).get<Reals>(); }

Json alpha_beta(const Json& inputs) {
  const auto m = integer(inputs, "m");
  const auto n = integer(inputs, "n");
  const double power = real(inputs, "P");
  const auto split = split_between_factors(m, n, power);
  return {{"alpha", split.left_energy},
          {"beta", split.right_energy},
          {"f_star", split.amplification},
          {"lambda_star", split.influence},
          {"lambda_bound", factor_influence_bound(m, n, power)},
          {"alpha_fraction", split.left_energy / power}};
}

Json rank_alloc(const Json& inputs) {
  const auto m = integer(inputs, "m");
  const auto n = integer(inputs, "n");
  const double power = real(inputs, "P");
  const auto kappa = reals(inputs, "kappa");
  const auto split = split_over_ranks(m, n, power, kappa);
  return {{"P_i", split.energies},
          {"alpha", split.left_energies},
          {"beta", split.right_energies},
          {"lambda_exact", split.influence},
          {"lambda_bound", rank_influence_bound(m, n, static_cast<std::int64_t>(kappa.size()), power)}};
}

Json lambda(const Json& inputs) {
  const auto m = integer(inputs, "m");
  const auto n = integer(inputs, "n");
  const auto rank = integer(inputs, "r", 1);
  const auto workers = integer(inputs, "k", 1);
  const double power = real(inputs, "P");
  return {{"snr", theory::signal_to_noise(m, n, power)},
          {"lambda_zsgd", theory::influence_uncompressed(m, n, power)},
          {"lambda_laser_bound", theory::influence_one_shot_bound(m, n, rank, power)},
          {"bound_ratio", theory::influence_bound_ratio(m, n, rank, power)},
          {"lambda_two_phase", theory::influence_two_phase(m, n, rank, power, real(inputs, "phi", 0.5))},
          {"lambda_alt_even", theory::influence_alternating_even(m, n, rank, power)},
          {"lambda_alt_odd", theory::influence_alternating_odd(m, n, rank, power)},
          {"lambda_zsgd_k_equal", theory::influence_workers_equal(m * n, power, workers)},
          {"lambda_zsgd_k_orthogonal", theory::influence_workers_orthogonal(m * n, power, workers)}};
}

Json policy(const Json& inputs) {
  const auto kind = parse_power_policy(inputs.at("policy").get<std::string>());
  Reals custom;
  for (const char* key : {"values", "custom"}) {
    if (inputs.contains(key)) custom = reals(inputs, key);
  }
  const auto periods = integer(inputs, "T", static_cast<std::int64_t>(custom.size()));
  if (periods > 1'000'000) fail(ExitCode::kData, "T = {} is more than a case may have", periods);
  const auto budgets = power_schedule(kind, periods, real(inputs, "P"), custom);
  Reals chosen;
  if (inputs.contains("t")) {
    for (const auto t : integers(inputs.at("t"))) chosen.push_back(budgets.at(static_cast<std::size_t>(t)));
  } else {
    chosen = budgets;
  }
  double sum = 0;
  for (const double budget : budgets) sum += budget;
  return {{"P_t", chosen}, {"mean", sum / static_cast<double>(budgets.size())}};
}

Json lr_onecycle(const Json& inputs) {
  OneCycle cycle;
  cycle.maximum = real(inputs, "max_lr");
  cycle.warmup_fraction = real(inputs, "pct_start", cycle.warmup_fraction);
  cycle.start_divisor = real(inputs, "div_factor", cycle.start_divisor);
  cycle.end_divisor = real(inputs, "final_div_factor", cycle.end_divisor);
  const auto total = integer(inputs, "total_steps");
  Reals rates;
  for (const auto step : integers(inputs.at("steps")))
    rates.push_back(one_cycle_learning_rate(cycle, total, step));
  return {{"lr", rates}};
}

Json lr_multistep(const Json& inputs) {
  const auto milestones = integers(inputs.value("milestones", Json::array()));
  const double gamma = real(inputs, "gamma", 0.1);
  Reals rates;
  for (const auto epoch : integers(inputs.at("epochs"))) {
    rates.push_back(multistep_learning_rate(real(inputs, "base_lr"), milestones, gamma, epoch));
  }
  return {{"lr", rates}};
}

Json volume(const Json& inputs) {
  Layout layout;
  if (inputs.contains("shapes")) {
    for (const auto& shape : inputs.at("shapes"))
      layout.add(fmt::format("{}", layout.layers.size()), integers(shape));
  } else {
    layout = model_layout(inputs.at("model").get<std::string>());
  }
  theory::VolumeOptions options;
  options.rank = integer(inputs, "rank", options.rank);
  options.compression_factor = real(inputs, "compression_factor", options.compression_factor);
  const auto scheme = theory::parse_volume_scheme(inputs.at("algorithm").get<std::string>());
  const auto result = theory::data_volume(layout, scheme, options);
  return {{"symbols", result.symbols},
          {"bytes", result.bytes},
          {"dense_floats", result.dense_floats},
          {"compression_ratio", result.compression_ratio}};
}

Json noise_std(const Json& inputs) {
  const auto rows = inputs.at("norms").get<std::vector<Reals>>();
  const auto name = inputs.at("allocation").get<std::string>();
  const auto allocation = make_allocation(name);
  const auto workers = rows.size();
  const auto blocks = rows.at(0).size();
  const bool needs_dimensions = name != "uniform" && (allocation->traits().by_shape || name == "norm_dim");
  // Without dimensions every block counts as one symbol, which only these allocations would notice.
  if (needs_dimensions && !inputs.contains("dims")) {
    fail(ExitCode::kData, "allocation {} needs the input dims", name);
  }
  const auto symbols = inputs.contains("dims") ? integers(inputs.at("dims")) : Integers(blocks, 1);
  if (symbols.size() != blocks)
    fail(ExitCode::kData, "dims has {} entries for {} blocks", symbols.size(), blocks);
  Reals norms;
  for (const auto& row : rows) {
    if (row.size() != blocks) fail(ExitCode::kData, "the rows of norms have different lengths");
    norms.insert(norms.end(), row.begin(), row.end());
  }
  const Reals budgets(workers, real(inputs, "P"));
  const auto energies =
      average_over_workers(block_energies(*allocation, budgets, {norms, norms, symbols}), workers);

  Reals largest(blocks, 0.0);
  Reals sigma(blocks, 0.0);
  Reals spent(workers, 0.0);
  for (std::size_t b = 0; b < blocks; ++b) {
    Reals column;
    for (const auto& row : rows) column.push_back(row[b]);
    largest[b] = std::ranges::max(column);
    sigma[b] = theory::noise_std(column, energies[b]);
    const auto block_spent = theory::spent_energy(column, energies[b]);
    for (std::size_t i = 0; i < workers; ++i) spent[i] += block_spent[i];
  }
  return {{"p", energies}, {"c", largest}, {"sigma", sigma}, {"worker_energy", spent}};
}

Json theory_kind(const Json& inputs) {
  theory::Problem problem;
  problem.smoothness = real(inputs, "L");
  problem.gradient_noise_factor = real(inputs, "M", 0);
  problem.quasi_convexity = real(inputs, "mu", 0);
  problem.gradient_variance = real(inputs, "sigma2", 0);
  problem.compression_quality = real(inputs, "delta", 1);
  problem.influence = real(inputs, "lam", 0);
  const auto noise = theory::uncompressed_noise(problem);
  Json result = {{"tau", theory::slowness(problem)},
                 {"gamma_max", theory::largest_step(problem)},
                 {"lambda_max_assumption5",
                  theory::largest_influence(problem.compression_quality, problem.gradient_noise_factor)},
                 {"gamma_max_lemma11", (1 - 2 * problem.influence) * theory::lemma13_step(problem)},
                 {"gamma_max_lemma13", theory::lemma13_step(problem)},
                 {"zsgd_M_tilde", noise.factor},
                 {"zsgd_sigma2_tilde", noise.variance}};
  const auto rounds = integer(inputs, "T", 0);
  if (inputs.contains("T") && inputs.contains("dist2")) {
    const auto bound = theory::convex_bound(problem, rounds, real(inputs, "dist2"));
    result["convex_gamma"] = bound.step;
    result["convex_bound"] = bound.closed_form;
    if (problem.quasi_convexity > 0) {
      const auto terms = theory::quasi_convex_terms(problem, rounds, real(inputs, "dist2"));
      result["quasiconvex_exp"] = terms.decay;
      result["quasiconvex_var"] = terms.variance;
    }
  }
  if (inputs.contains("T") && inputs.contains("F0")) {
    const auto bound = theory::nonconvex_bound(problem, rounds, real(inputs, "F0"));
    result["nonconvex_gamma"] = bound.step;
    result["nonconvex_bound"] = bound.closed_form;
  }
  return result;
}

Json channel_ext(const Json& inputs) {
  const auto norms = reals(inputs, "norms");
  const auto energies = reals(inputs, "powers");
  Json result = {{"sigma_hetero", theory::noise_std_unequal(norms, energies)}};
  if (inputs.contains("h")) {
    const auto gains = reals(inputs, "h");
    const double csit = theory::noise_std_csit(norms, gains, energies);
    result["sigma_csit"] = csit;
    // csir is defined for positive gains only; csit inverts any sign.
    if (std::ranges::all_of(gains, [](double gain) { return gain > 0; })) {
      const auto csir = theory::receive_csir(norms, gains, energies);
      result["sigma_csir"] = csir.standard_deviation;
      result["csir_weights"] = csir.weights;
    }
    if (inputs.contains("dim") && inputs.contains("mean_norm2")) {
      const auto mmse = theory::receive_mmse(real(inputs, "mean_norm2"), integer(inputs, "dim"), csit);
      result["mmse_w"] = mmse.weight;
      result["mmse_mse"] = mmse.error;
      result["unbiased_mse"] = mmse.unbiased_error;
    }
  }
  if (inputs.contains("mu_h")) {
    const auto reception =
        theory::receive_statistical(norms, energies, real(inputs, "mu_h"), real(inputs, "var_h", 0));
    result["sigma_stat"] = reception.standard_deviation;
    result["stat_mult_var"] = reception.multiplicative_variance;
  }
  return result;
}

}  // namespace

KindTable scalar_kinds() {
  return {{"alpha_beta", alpha_beta},  {"rank_alloc", rank_alloc},   {"lambda", lambda},
          {"policy", policy},          {"lr_onecycle", lr_onecycle}, {"lr_multistep", lr_multistep},
          {"volume", volume},          {"noise_std", noise_std},     {"theory", theory_kind},
          {"channel_ext", channel_ext}};
}

}  // namespace laser::known_answers
