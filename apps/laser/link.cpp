// laser link: what a power P means on a real link, and what a link must have for it.
#include "link.hpp"

#include <cmath>
#include <memory>
#include <optional>

#include "commands.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/options.hpp"
#include "laser/link/units.hpp"
#include "laser/theory/influence.hpp"
#include "laser/theory/volume.hpp"
#include "plan_tensors.hpp"

namespace laser {
namespace {

struct LinkArguments {
  std::string transmit, distance, bandwidth;  // empty: not given
  std::string carrier = "3.5GHz", path_loss = "free", model = "resnet18", power, run, targets;
  double noise_figure_db = 7, utilisation = 0.84;
  std::int64_t rank = 4, workers = 1;
  bool paper = false, json = false;
};

constexpr double kDefaultBandwidth = 20e6;

/// What is asked for where a power is given: the one of the three that is not.
enum class Unknown { none, transmit, distance, bandwidth };

Unknown unknown_of(const LinkArguments& a) {
  if (a.power.empty()) {
    if (a.transmit.empty() || a.distance.empty()) {
      fail(ExitCode::kUsage,
           "a link needs --tx-dbm and --distance, or --power and one of them. HINT: laser link --tx-dbm 23 "
           "--distance 200 --carrier 3.5GHz --bandwidth 20MHz");
    }
    return Unknown::none;
  }
  if (a.transmit.empty() && a.distance.empty()) {
    fail(ExitCode::kUsage,
         "--power leaves one of --tx-dbm, --distance and --bandwidth open, not two. HINT: --distance 200 for "
         "the transmit power that it needs, --tx-dbm 23 for the distance");
  }
  if (a.transmit.empty()) return Unknown::transmit;
  if (a.distance.empty()) return Unknown::distance;
  if (!a.bandwidth.empty()) {
    fail(ExitCode::kUsage,
         "--power, --tx-dbm, --distance and --bandwidth are all given: nothing is left to tell. HINT: leave "
         "out the one that you ask for");
  }
  return Unknown::bandwidth;
}

link::Radio radio_of(const LinkArguments& a) {
  link::Radio radio;
  if (!a.transmit.empty()) {
    OptionList list;
    list.add_real("--tx-dbm", radio.transmit_dbm, -200, 200, false, "", "");
    list.set("--tx-dbm", a.transmit);
  }
  if (!a.distance.empty()) radio.distance = link::read_distance("--distance", a.distance);
  radio.bandwidth =
      a.bandwidth.empty() ? kDefaultBandwidth : link::read_frequency("--bandwidth", a.bandwidth);
  radio.carrier = link::read_frequency("--carrier", a.carrier);
  // A plain number is of hertz: who leaves out MHz or GHz means another link.
  constexpr double kLeastBandwidth = 1e3, kLeastCarrier = 1e6;
  if (radio.bandwidth < kLeastBandwidth)
    fail(ExitCode::kConfiguration, "--bandwidth = '{}' are {:g} hertz. HINT: --bandwidth 20MHz", a.bandwidth,
         radio.bandwidth);
  if (radio.carrier < kLeastCarrier)
    fail(ExitCode::kConfiguration, "--carrier = '{}' are {:g} hertz. HINT: --carrier 3.5GHz", a.carrier,
         radio.carrier);
  radio.noise_figure_db = a.noise_figure_db;
  radio.path_loss = link::parse_path_loss(a.path_loss);
  radio.utilisation = a.utilisation;
  return radio;
}

struct Method {
  const char* name;
  double symbols;             // D
  ValueCell lambda_by_power;  // lambda P: null where the method is not linear
};

/// The methods with the symbols of a round; LASER's alternating transport first.
std::vector<Method> methods_of(const Layout& layout, std::int64_t rank, std::int64_t workers) {
  using theory::VolumeScheme;
  const auto symbols = [&](VolumeScheme scheme) {
    return theory::data_volume(layout, scheme, {.rank = rank}).symbols;
  };
  const auto linear = [&](std::int64_t count) {
    return ValueCell(theory::influence_workers_orthogonal(count, 1, workers));
  };
  const auto real = [](std::int64_t count) { return static_cast<double>(count); };
  const auto even = symbols(VolumeScheme::laser_alt_even), odd = symbols(VolumeScheme::laser_alt_odd);
  const auto both = symbols(VolumeScheme::laser_two_phase), sparse = symbols(VolumeScheme::randomk);
  constexpr double kSecondPhase = 0.5;  // of the budget, which the symbols that carry the estimate get
  return {
      {"laser", real(even + odd) / 2, (linear(even).get<double>() + linear(odd).get<double>()) / 2},
      {"laser two_phase", real(both), linear(even).get<double>() / kSecondPhase},
      {"zsgd", real(layout.size), linear(layout.size)},
      {"randomk", real(sparse), linear(sparse)},
      {"signum", real(layout.size), nullptr},
  };
}

ValueTable budget_table(const LinkArguments& a) {
  const auto unknown = unknown_of(a);
  auto radio = radio_of(a);
  const auto tensors = planned_tensors(a.model, {});
  std::optional<double> power;
  if (!a.power.empty()) {
    const auto powers = parse_powers("--power", a.power);
    if (powers.size() != 1 || !(powers[0] > 0) || !std::isfinite(powers[0]))
      fail(ExitCode::kConfiguration, "--power is {}: one number above 0 is needed", a.power);
    power = powers[0];
  }
  ValueTable table{fmt::format("{} at rank {} over a link of {:g} GHz, {}, noise figure {:g} dB", a.model,
                               a.rank, radio.carrier / 1e9, a.path_loss, radio.noise_figure_db),
                   {"method", "symbols", "power", "snr_db", "lambda", "seconds_per_round", "joules_per_round",
                    "rounds_per_hour"},
                   {},
                   {}};
  if (unknown == Unknown::transmit) table.columns.emplace_back("tx_dbm");
  if (unknown == Unknown::distance) table.columns.emplace_back("distance_m");
  if (unknown == Unknown::bandwidth) table.columns.emplace_back("bandwidth_hz");
  for (const auto& method : methods_of(tensors.layout, a.rank, a.workers)) {
    auto own = radio;
    if (power) {
      const double wanted = link::to_decibels(link::signal_to_noise_of(*power, method.symbols));
      if (unknown == Unknown::transmit) own.transmit_dbm = link::transmit_dbm_for(own, wanted);
      if (unknown == Unknown::distance) own.distance = link::distance_for(own, wanted);
      if (unknown == Unknown::bandwidth) own.bandwidth = link::bandwidth_for(own, wanted);
    }
    const auto reception = link::budget(own);
    const double p = link::power_of(link::from_decibels(reception.snr_db), method.symbols);
    const double seconds = link::air_seconds(method.symbols, own.bandwidth, own.utilisation);
    const double joules = link::watts_of_dbm(own.transmit_dbm) * seconds;
    const auto& slope = method.lambda_by_power;
    std::vector<ValueCell> row{method.name,
                               method.symbols,
                               p,
                               reception.snr_db,
                               slope.is_null() ? slope : ValueCell(slope.get<double>() / p),
                               seconds,
                               joules,
                               3600 / seconds};
    if (unknown == Unknown::transmit) row.emplace_back(own.transmit_dbm);
    if (unknown == Unknown::distance) row.emplace_back(own.distance);
    if (unknown == Unknown::bandwidth) row.emplace_back(own.bandwidth);
    if (table.rows.empty()) {  // what is said of the whole is LASER's
      table.facts = {{"tx_dbm", own.transmit_dbm},
                     {"distance_m", own.distance},
                     {"bandwidth_hz", own.bandwidth},
                     {"path_loss_db", reception.path_loss_db},
                     {"received_dbm", reception.received_dbm},
                     {"noise_dbm", reception.noise_dbm},
                     {"snr_db", reception.snr_db},
                     {"power", p},
                     {"seconds_per_round", seconds},
                     {"joules_per_round", joules}};
    }
    table.rows.push_back(row);
  }
  table.notes.emplace_back(
      "snr_db: of a complex symbol, and of each of the two real ones that it carries. power: P = symbols x "
      "SNR, energy a round over the noise variance of a real symbol.");
  table.notes.push_back(fmt::format(
      "lambda: energy spread evenly over the symbols, {}; the mean of even and odd rounds. '-': not linear.",
      a.workers == 1 ? std::string("one worker")
                     : fmt::format("{} workers with orthogonal gradients", a.workers)));
  table.notes.push_back(
      fmt::format("The lines above the table are those of laser. {:g} complex symbols a second and hertz; "
                  "all workers send "
                  "at once, so that their number changes no time.",
                  a.utilisation));
  return table;
}

ValueTable table_of(const LinkArguments& a) {
  if (a.workers < 1) fail(ExitCode::kConfiguration, "--workers is {}: it must be at least 1", a.workers);
  if (a.paper) return paper_table(radio_of(a), a.rank);
  if (a.run.empty()) {
    if (!a.targets.empty())
      fail(ExitCode::kUsage, "--target is of a recorded run. HINT: --run DIR --target {}", a.targets);
    return budget_table(a);
  }
  if (!a.transmit.empty() || !a.power.empty()) {
    fail(
        ExitCode::kUsage,
        "a run has its power: --run tells what transmit power that is. HINT: leave out --tx-dbm and --power");
  }
  if (a.distance.empty()) fail(ExitCode::kUsage, "--run needs a link. HINT: --distance 200");
  return run_table(radio_of(a), a.run, a.targets);
}

}  // namespace

void add_link(CLI::App& app) {
  const auto a = std::make_shared<LinkArguments>();
  auto* command = app.add_subcommand(
      "link",
      "A link budget: what power, air time and joules a real link gives a model, and what a power needs");
  command->add_option("--tx-dbm", a->transmit, "Transmit power of a worker while it sends, dBm");
  command->add_option("--distance", a->distance, "Worker to server, as 200, 200m or 1.5km");
  command->add_option("--carrier", a->carrier, "Carrier frequency, as 3.5GHz")->capture_default_str();
  command->add_option("--bandwidth", a->bandwidth, "Of the channel, as 20MHz (the default)");
  command->add_option("--noise-figure", a->noise_figure_db, "Of the server's receiver, dB")
      ->capture_default_str();
  command
      ->add_option("--path-loss", a->path_loss,
                   fmt::format("Model of the path loss: {}", link::kPathLossHelp))
      ->capture_default_str();
  command
      ->add_option(
          "--utilisation", a->utilisation,
          "Complex symbols a second and hertz: 0.84 in LTE's 20 MHz, 1 without guard bands and prefixes")
      ->capture_default_str();
  command
      ->add_option("--model", a->model, "resnet18, resnet18_cifar100, gpt2, mnist_linear or FILE.safetensors")
      ->capture_default_str();
  command->add_option("--rank", a->rank, "Rank r of LASER")->capture_default_str();
  command->add_option("--workers", a->workers, "k, for lambda")->capture_default_str();
  command->add_option(
      "--power", a->power,
      "P that the link shall give, as 4000 or 36dB: tells the one of --tx-dbm, --distance and "
      "--bandwidth that is left out");
  auto* run =
      command->add_option("--run", a->run, "Air time, energy and transmit power of the recorded run in DIR")
          ->option_text("DIR");
  command
      ->add_option("--target", a->targets,
                   fmt::format("Of --run, accuracy in percent or perplexity: {} (default: the run's best)",
                               kSweepHelp))
      ->needs(run);
  command
      ->add_flag("--paper", a->paper,
                 "What the paper's gain in energy costs in transmit power and saves in air time")
      ->excludes(run);
  command->add_flag("--json", a->json, "One JSON object instead of a table");
  command->footer(
      "Example: laser link --tx-dbm 23 --distance 200 --carrier 3.5GHz --bandwidth 20MHz --path-loss umi "
      "--model gpt2");
  command->callback([a] { table_of(*a).print(a->json); });
}

}  // namespace laser
