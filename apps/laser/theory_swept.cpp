// laser theory stability | prediction: what limits a step over the air, and what sending
// differences saves (docs/swept.md).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "laser/core/fail.hpp"
#include "laser/theory/delays.hpp"
#include "laser/theory/prediction.hpp"
#include "theory.hpp"
#include "theory_table.hpp"

namespace laser {
namespace {

struct StabilityArguments {
  std::vector<double> curvatures;
  std::string power, lead = "0";
  double first = 0, second = 0;
  std::int64_t workers = 1;
  bool json = false;
};

ValueTable steps_table(const StabilityArguments& a) {
  ValueTable table{
      fmt::format("Largest stable step over the air, {} worker(s) with equal gradients (T1)", a.workers),
      {"power", "k2_power", "largest_step", "small_step_rule", "without_noise"},
      {},
      {"small_step_rule = 2 k^2 P/tr H; without_noise = 2/h_max, whatever the power."}};
  if (a.workers < 1)
    fail(ExitCode::kConfiguration, "the number of workers k is {}: it must be at least 1", a.workers);
  double trace = 0, largest = 0;
  for (const double h : a.curvatures) {
    trace += h;
    largest = std::max(largest, h);
  }
  for (const double power : parse_powers("--power", a.power)) {
    const double received = static_cast<double>(a.workers * a.workers) * power;
    table.rows.push_back(
        {power, received, theory::largest_step(a.curvatures, received), 2 * received / trace, 2 / largest});
  }
  return table;
}

ValueTable delays_table(const StabilityArguments& a) {
  ValueTable table{
      fmt::format("Two averages of {:g} and {:g} rounds before a step (T3)", a.first, a.second),
      {"lead", "largest_step_x_curvature", "least_lead"},
      {},
      {"least_lead: from there on long averages are stable at every step; '-': no limit below 1e6."}};
  for (const double lead : parse_sweep("--lead", a.lead)) {
    const double threshold = theory::delay_threshold(a.first, a.second, lead);
    table.rows.push_back({lead, std::isfinite(threshold) ? ValueCell(threshold) : ValueCell(),
                          theory::least_lead(a.first, a.second)});
  }
  return table;
}

ValueTable stability_table(const StabilityArguments& a) {
  if (a.curvatures.empty() == (a.first == 0)) {
    fail(ExitCode::kUsage,
         "theory stability needs curvatures and a power, or two averages. HINT: --curvatures 1,0.5,0.1 "
         "--power 0.1 --workers 16, or --first 100 --second 10 --lead 0,0.1");
  }
  return a.curvatures.empty() ? delays_table(a) : steps_table(a);
}

struct PredictionArguments {
  std::string lambda;
  double fresh = 0;
  bool json = false;
};

ValueTable prediction_table(const PredictionArguments& a) {
  ValueTable table{
      fmt::format(
          "Noise of an estimate when the difference to the one held is sent, {:g} of a message fresh (T4)",
          a.fresh),
      {"lambda", "rho", "noise", "times_less", "noise_best_rho", "times_less_best"},
      {},
      {"lambda: noise over message when the message itself is sent; rho = 1/(1 + lambda)."}};
  for (const double lambda : parse_sweep("--lambda", a.lambda)) {
    const double rho = 1 / (1 + lambda), noise = theory::settled_noise(lambda, rho, a.fresh),
                 best = theory::matched_noise(lambda, a.fresh);
    table.rows.push_back(
        {lambda, rho, noise, lambda / noise, best, best > 0 ? ValueCell(lambda / best) : ValueCell()});
  }
  return table;
}

}  // namespace

void add_theory_swept(CLI::App& theory) {
  const auto a = std::make_shared<StabilityArguments>();
  auto* stability = theory.add_subcommand(
      "stability", "The largest step: noise that follows messages (T1), two delays (T3)");
  auto* curvatures =
      stability->add_option("--curvatures", a->curvatures, "h_1, h_2, ... of a quadratic model");
  auto* power =
      stability->add_option("--power", a->power, fmt::format("Energy per worker and round: {}", kPowersHelp));
  curvatures->delimiter(',')->needs(power);
  power->needs(curvatures);
  stability->add_option("--workers", a->workers, "k")->capture_default_str();
  auto* first = stability->add_option("--first", a->first, "Rounds of the first average, 1/(1 - beta)");
  auto* second = stability->add_option("--second", a->second, "Rounds of the second");
  first->needs(second);
  second->needs(first);
  stability->add_option("--lead", a->lead, fmt::format("nu: {}", kSweepHelp))->capture_default_str();
  stability->add_flag("--json", a->json, "One JSON object instead of a table");
  stability->callback([a] { stability_table(*a).print(a->json); });

  const auto p = std::make_shared<PredictionArguments>();
  auto* prediction =
      theory.add_subcommand("prediction", "What sending the difference to a shared estimate saves (T4)");
  prediction->add_option("--lambda", p->lambda, fmt::format("Influence factor: {}", kSweepHelp))->required();
  prediction->add_option("--fresh", p->fresh, "Share of a message that the estimate cannot know")
      ->capture_default_str();
  prediction->add_flag("--json", p->json, "One JSON object instead of a table");
  prediction->callback([p] { prediction_table(*p).print(p->json); });
}

}  // namespace laser
