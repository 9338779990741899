// laser link --run DIR: what a recorded run would have cost on a link.
#include <algorithm>
#include <cmath>

#include "laser/core/fail.hpp"
#include "laser/link/units.hpp"
#include "laser/record/reader.hpp"
#include "laser/report/metric.hpp"
#include "link.hpp"

namespace laser {
namespace {

/// What had been sent after an epoch.
struct Sent {
  double rounds = 0;
  double symbols = 0;
  double energy = 0;  // of a worker, mean over them, noise variance of a real symbol
};

}  // namespace

ValueTable run_table(const link::Radio& radio, const std::string& folder, const std::string& targets) {
  const auto run = read_run(folder);
  if (!run.summary.power) {
    fail(
        ExitCode::kConfiguration,
        "the run in {} has no noise, and so no power: its air time alone has a meaning, {:g} symbols a round",
        folder, run.summary.symbols_per_round);
  }
  if (run.epochs.empty()) fail(ExitCode::kData, "the run in {} has no epoch on record", folder);
  RunSummary kind = run.summary;
  kind.perplexity = run.epochs.front().perplexity;
  const auto metric = metric_of(kind);
  const double sign = metric.higher_is_better ? 1 : -1;
  double best = metric.at_epoch(run.epochs.front());
  for (const auto& record : run.epochs)
    if (const double value = metric.at_epoch(record); sign * value > sign * best) best = value;
  const auto wanted = targets.empty() ? std::vector{best} : parse_sweep("--target", targets);

  const double loss = link::path_loss_db(radio.path_loss, radio.distance, radio.carrier);
  ValueTable table{fmt::format("{} on {}, P = {:g}, over {:g} m at {:g} GHz, {:g} MHz", run.summary.method,
                               run.summary.task, *run.summary.power, radio.distance, radio.carrier / 1e9,
                               radio.bandwidth / 1e6),
                   {metric.quantity, "epochs", "rounds", "air_seconds", "joules", "tx_dbm", "snr_db"},
                   {},
                   {}};
  table.facts = {{"path_loss_db", loss},
                 {"noise_dbm", link::dbm_of_watts(link::noise_watts(radio.bandwidth, radio.noise_figure_db))},
                 {"best", best}};
  for (const double target : wanted) {
    Sent sent;
    const EpochRecord* reached = nullptr;
    for (const auto& record : run.epochs) {
      const double rounds = static_cast<double>(record.round) - sent.rounds;
      double energy = 0;
      for (const double worker : record.energy) energy += worker / static_cast<double>(record.energy.size());
      sent.rounds += rounds;
      sent.symbols += rounds * record.symbols;
      sent.energy += rounds * energy;
      if (sign * metric.at_epoch(record) < sign * target) continue;
      reached = &record;
      break;
    }
    if (reached == nullptr) {
      table.rows.push_back({target, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr});
      continue;
    }
    const double seconds = link::air_seconds(sent.symbols, radio.bandwidth, radio.utilisation);
    const double joules =
        link::transmit_joules(sent.energy, radio.noise_figure_db, link::from_decibels(-loss)) /
        radio.utilisation;
    table.rows.push_back({target, reached->epoch, sent.rounds, seconds, joules,
                          link::dbm_of_watts(joules / seconds),
                          link::to_decibels(link::signal_to_noise_of(sent.energy, sent.symbols))});
  }
  table.notes.push_back(fmt::format(
      "Until the recorded value ({}) first reached the target; '-': it never did.", metric.curve_label));
  table.notes.emplace_back(
      "Energy that a worker sent, mean over the workers; tx_dbm: joules over air time; snr_db: of a symbol.");
  table.notes.emplace_back(
      "The server has the ratio of the run: what a larger distance loses is made up by transmit power.");
  return table;
}

}  // namespace laser
