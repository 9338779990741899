// laser theory plan: what each tensor of a model sends, its share of the power and its influence factor.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "laser/compress/lag.hpp"
#include "laser/core/fail.hpp"
#include "laser/power/allocation.hpp"
#include "laser/theory/condition.hpp"
#include "laser/theory/influence.hpp"
#include "laser/theory/volume.hpp"
#include "plan_tensors.hpp"
#include "theory.hpp"
#include "theory_table.hpp"

namespace laser {
namespace {

struct PlanArguments {
  std::string model, scheme = "laser_alt_even", allocation = "sqrt_dim";
  std::string power_text;
  double power = 0, phi = 0.5;
  std::int64_t rank = 4, rounds = 0;  // rounds: 0 where none were named
  bool json = false;
  PlanFilter filter;
};

/// "name (why), name (why) and 5 more"
std::string left_out_text(const PlannedTensors& tensors) {
  constexpr std::size_t kNamed = 4;
  std::string text;
  const auto& all = tensors.left_out;
  for (std::size_t i = 0; i < std::min(all.size(), kNamed); ++i)
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", all[i].first, all[i].second);
  return all.size() > kNamed ? fmt::format("{} and {} more", text, all.size() - kNamed) : text;
}

// Shares by shape: before training there are no norms to share by.
std::vector<double> shares_by_shape(const std::string& name, const std::vector<std::int64_t>& symbols) {
  const auto allocation = make_allocation(name);
  if (!allocation->traits().by_shape) {
    std::string others;
    for (const auto& row : allocations())
      if (row.make()->traits().by_shape) others += (others.empty() ? "" : ", ") + row.name;
    fail(
        ExitCode::kConfiguration,
        "allocation '{}' needs the norms of gradients, which are not known before training: choose one of {}",
        name, others);
  }
  const std::vector<double> norms(symbols.size(), 0.0);
  return block_shares(*allocation, {norms, norms, symbols});
}

// lambda of a compressed tensor with energy `power`, one worker (spec 6).
double compressed_influence(const Layer& layer, theory::VolumeScheme scheme, std::int64_t rank, double power,
                            double phi) {
  switch (scheme) {
    case theory::VolumeScheme::laser_two_phase:
      return theory::influence_two_phase(layer.rows, layer.columns, rank, power, phi);
    case theory::VolumeScheme::laser_one_shot:
      return theory::influence_one_shot_bound(layer.rows, layer.columns, rank, power);
    case theory::VolumeScheme::laser_alt_odd:
      return theory::influence_alternating_odd(layer.rows, layer.columns, rank, power);
    default:
      return theory::influence_alternating_even(layer.rows, layer.columns, rank, power);
  }
}

void add_notes(ValueTable& table, const Layout& layout, const PlanArguments& a, std::int64_t losing) {
  const auto tensors = static_cast<std::int64_t>(layout.layers.size());
  const double needed = theory::power_for_rank(a.rank, tensors);
  if (theory::rank_fits_power(a.rank, a.power, tensors)) {
    table.notes.push_back(
        fmt::format("Rank {} suits the power: P = {:g} > 4 r^2 L = {:g}.", a.rank, a.power, needed));
  } else {
    const auto fitting = theory::largest_rank_for_power(a.power, tensors);
    const auto advice = fitting > 0 ? fmt::format("the largest rank that fits is {}", fitting)
                                    : std::string("no rank fits, not even 1");
    table.notes.push_back(
        fmt::format("Rank {} is too high for P = {:g}: the theory asks for P > 4 r^2 L = {:g}; {}.", a.rank,
                    a.power, needed, advice));
  }
  table.notes.push_back(
      fmt::format("pays: at this tensor's power the bound of Lemma 10 is below the uncompressed lambda; {} "
                  "compressed tensor(s) "
                  "say no.",
                  losing));
  table.notes.push_back(
      "Shares follow the shapes; in training they follow the norms of what is sent (comp_norm).");
}

FactorsPerRound factors_of(theory::VolumeScheme scheme) {
  const bool alternates =
      scheme == theory::VolumeScheme::laser_alt_even || scheme == theory::VolumeScheme::laser_alt_odd;
  return alternates ? FactorsPerRound::one : FactorsPerRound::both;
}

// Symbols a round: the mean of even and odd rounds where they differ.
double symbols_a_round(const Layout& layout, theory::VolumeScheme scheme, std::int64_t rank) {
  const auto symbols = [&](theory::VolumeScheme s) {
    return static_cast<double>(theory::data_volume(layout, s, {.rank = rank}).symbols);
  };
  if (factors_of(scheme) == FactorsPerRound::both) return symbols(scheme);
  return (symbols(theory::VolumeScheme::laser_alt_even) + symbols(theory::VolumeScheme::laser_alt_odd)) / 2;
}

// What a run can show: the ceiling of the gain over Z-SGD, the lag of the error memory, and how
// many lags it has.
void add_reach(ValueTable& table, const Layout& layout, theory::VolumeScheme scheme, const PlanArguments& a) {
  const double symbols = symbols_a_round(layout, scheme, a.rank);
  const double ceiling = static_cast<double>(layout.size) / symbols;
  const double lag = error_memory_lag(layout, a.rank, factors_of(scheme));
  table.summary = {{"symbols_a_round", symbols}, {"gain_ceiling", ceiling}, {"lag", lag}};
  table.notes.push_back(
      fmt::format("Ceiling of the gain over Z-SGD: d/D = {:.4g} ({} parameters, {:g} symbols a round{}).",
                  ceiling, layout.size, symbols,
                  factors_of(scheme) == FactorsPerRound::one ? ", mean of even and odd rounds" : ""));
  if (lag == 0) {
    table.notes.emplace_back("No tensor is compressed at this rank: there is no error memory and no lag.");
    return;
  }
  auto note = fmt::format("Lag of the error memory of the largest tensor: {:.4g} rounds", lag);
  if (a.rounds > 0) {
    const double lags = static_cast<double>(a.rounds) / lag;
    table.summary.emplace_back("rounds", a.rounds);
    table.summary.emplace_back("rounds_over_lag", lags);
    note += fmt::format("; T = {} rounds are {:.3g} lags", a.rounds, lags);
  }
  table.notes.push_back(note + ". The paper's runs have 16 to 53; in a few lags only the start is seen.");
}

ValueTable plan_table(const PlanArguments& a) {
  const auto tensors = planned_tensors(a.model, a.filter);
  const auto& layout = tensors.layout;
  const auto scheme = theory::parse_volume_scheme(a.scheme);
  if (!a.scheme.starts_with("laser")) {
    fail(ExitCode::kConfiguration, "a plan is for low-rank schemes (laser_...), not for '{}'", a.scheme);
  }
  if (!(a.power > 0)) fail(ExitCode::kConfiguration, "the power P is {}: it must be above 0", a.power);
  std::vector<std::int64_t> symbols;
  for (const auto& layer : layout.layers)
    symbols.push_back(theory::tensor_symbols(layer, scheme, {.rank = a.rank}));
  const auto shares = shares_by_shape(a.allocation, symbols);

  ValueTable table{
      fmt::format("{}: rank {}, power {:g} per worker and round, {}", a.model, a.rank, a.power, a.scheme),
      {"tensor", "shape", "sent", "symbols", "share", "power", "lambda", "lambda_whole", "pays", "lag"},
      {},
      {}};
  std::int64_t losing = 0;
  std::int64_t total = 0;
  for (std::size_t l = 0; l < layout.layers.size(); ++l) {
    const auto& layer = layout.layers[l];
    const double power = shares[l] * a.power;
    const double whole = theory::influence_random_k(layer.size, power);
    std::vector<ValueCell> row{layer.name, fmt::format("{}", fmt::join(layer.shape, "x"))};
    if (compression_saves(layer, a.rank)) {
      const auto rank = effective_rank(layer, a.rank);
      const bool pays = theory::rank_fits_power_exact(layer.rows, layer.columns, rank, power);
      losing += pays ? 0 : 1;
      row.insert(row.end(), {fmt::format("rank {}", rank), symbols[l], shares[l], power,
                             compressed_influence(layer, scheme, rank, power, a.phi), whole, pays,
                             error_memory_lag(layer.rows, layer.columns, rank, factors_of(scheme))});
    } else {
      row.insert(row.end(), {"whole", symbols[l], shares[l], power, whole, whole, nullptr, nullptr});
    }
    total += symbols[l];
    table.rows.push_back(row);
  }
  table.rows.push_back({"total", fmt::format("{}", layout.size), "", total, 1.0, a.power, nullptr,
                        theory::influence_random_k(layout.size, a.power), nullptr, nullptr});
  add_reach(table, layout, scheme, a);
  add_notes(table, layout, a, losing);
  if (!tensors.left_out.empty()) {
    table.notes.push_back(
        fmt::format("Left out, {} tensor(s) that are no parameters: {}. --all-tensors counts them, --skip "
                    "TEXT leaves out more.",
                    tensors.left_out.size(), left_out_text(tensors)));
  }
  return table;
}

}  // namespace

void add_theory_plan(CLI::App& theory) {
  const auto a = std::make_shared<PlanArguments>();
  auto* plan = theory.add_subcommand("plan", "What each tensor of a model sends, its power and its lambda");
  plan->add_option("--model", a->model, "resnet18, resnet18_cifar100, gpt2, mnist_linear or FILE.safetensors")
      ->required();
  plan->add_option("--power", a->power_text, "Energy per worker and round, as 4000 or 36dB")->required();
  plan->add_option("--rank", a->rank, "Rank r")->capture_default_str();
  plan->add_option("--rounds,--T", a->rounds, "Rounds of a run, to be counted in lags of the error memory")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000000000000}));
  plan->add_option("--scheme", a->scheme, "laser_alt_even, laser_alt_odd, laser_two_phase or laser_one_shot")
      ->capture_default_str();
  plan->add_option("--allocation", a->allocation, "Shares by shape: uniform, sqrt_dim, param or param2")
      ->capture_default_str();
  plan->add_option("--phi", a->phi, "First phase's part of the two-phase budget")->capture_default_str();
  plan->add_option("--skip", a->filter.skip,
                   "Leave out the tensors of a file with TEXT in their names (can be repeated)")
      ->option_text("TEXT ...")
      ->allow_extra_args(false);
  plan->add_flag("--all-tensors", a->filter.all,
                 "Count masks, running statistics and second copies in a file as well");
  plan->add_flag("--json", a->json, "One JSON object instead of a table");
  plan->callback([a] {
    const auto powers = parse_powers("--power", a->power_text);
    if (powers.size() != 1) fail(ExitCode::kUsage, "a plan is for one power, not for {}", powers.size());
    a->power = powers.front();
    plan_table(*a).print(a->json);
  });
}

}  // namespace laser
