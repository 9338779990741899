// laser theory channels: what every channel leaves of a message at one signal-to-noise ratio a real symbol.
//
// The channels of channel/ draw gains and scale, as they do in training; what comes of it is added up here
// without any tensor: with weights w_i of the workers and noise sigma a symbol, E err^2 = D sigma^2 + ||sum_i
// (w_i - 1/k) s_i||^2, which needs the norms of the messages and the angles between them only.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "laser/channel/channel.hpp"
#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/random.hpp"
#include "laser/link/units.hpp"
#include "laser/train/gain_trace.hpp"
#include "theory.hpp"
#include "theory_table.hpp"

namespace laser {
namespace {

struct ChannelArguments {
  std::string ratios = "0";
  std::int64_t workers = 16, draws = 20000, seed = 1;
  double spread = 0.3;
  LinkOptions link;
  bool json = false;
};

/// Where the messages are normal numbers: what no code can better, the distortion at the rate of the link, is
/// (1 + k snr)^(-1/k) of the energy of each message, independent of the others' (spec 1.5). Beside the energy
/// of their mean it weighs as much where they stand at right angles, and a k-th where they are equal.
double least_digital_influence(const Channel& channel, std::size_t workers, double ratio) {
  const std::vector<double> energies(workers, ratio);
  const auto bits = channel.bits(channel.draw({}, std::vector<char>(workers, 1)), 1, energies);
  return std::exp2(-2 * bits[0]);
}

/// One draw: the influence factor of messages of norms N_i at right angles to each other, and of equal ones.
struct Influence {
  double apart = 0, alike = 0;
};
Influence influence_of(const Superposition& air, std::span<const double> norms, double symbols) {
  const auto k = static_cast<double>(norms.size());
  double error = 0, energy = 0, sum = 0;
  for (std::size_t i = 0; i < norms.size(); ++i) {
    const double weight = air.received ? air.weight(i) : 0, own = norms[i] * norms[i];
    error += (weight - 1 / k) * (weight - 1 / k) * own;
    energy += own / (k * k);
    sum += weight;
  }
  const double noise = symbols * air.noise_std * air.noise_std;
  return {(noise + error) / energy, noise + (sum - 1) * (sum - 1)};
}

std::vector<double> spread_norms(std::int64_t workers, double spread) {
  std::vector<double> norms;
  for (std::int64_t i = 0; i < workers; ++i) {
    const double place = workers == 1 ? 0 : 2 * static_cast<double>(i) / static_cast<double>(workers - 1) - 1;
    norms.push_back(1 + spread * place);
  }
  return norms;
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double quantile(std::vector<double> values, double share) {
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

ValueTable channels_table(const ChannelArguments& a) {
  if (a.workers < 1 || a.workers > 1000000)
    fail(ExitCode::kConfiguration, "--workers is {}: it must be 1 to 1000000", a.workers);
  if (a.draws < 1 || a.draws > 10'000'000)
    fail(ExitCode::kConfiguration, "--draws is {}: it must be 1 to 10000000", a.draws);
  if (!(a.spread >= 0 && a.spread < 1))
    fail(ExitCode::kConfiguration, "--spread is {}: it must be at least 0 and below 1", a.spread);
  ValueTable table{
      fmt::format("Influence factors of {} workers at equal SNR a real symbol, {} draws", a.workers, a.draws),
      {"channel", "snr_db", "lambda", "median", "worst_1_percent", "lambda_equal", "decodes", "known"},
      {},
      {}};
  const auto norms = spread_norms(a.workers, a.spread);
  const std::vector<double> ones(norms.size(), 1.0);
  for (const double decibels : parse_sweep("--snr-db", a.ratios)) {
    const double ratio = link::from_decibels(decibels);
    if (!(ratio > 0) || !std::isfinite(ratio))
      fail(ExitCode::kConfiguration, "--snr-db is {}: it must be a finite number of decibels", decibels);
    const std::vector<double> energies(norms.size(), ratio);  // of a block of one symbol, D = 1
    for (const auto& entry : channels()) {
      if (entry.needs == "gains" && !a.link.trace) continue;
      const auto& words = entry.words;
      const auto channel = make_channel(entry.name, a.link);
      if (channel->traits().as_energies)
        continue;  // its error depends on the numbers themselves, not on their norms
      const std::int64_t draws = entry.needs == "gains"    ? std::min(a.draws, a.link.trace->rounds)
                                 : channel->traits().fades ? a.draws
                                                           : 1;
      if (channel->traits().digital) {
        const double least = least_digital_influence(*channel, norms.size(), ratio);
        table.rows.push_back({entry.name, decibels, least, least, least,
                              least / static_cast<double>(norms.size()), words.decodes, words.known});
        continue;
      }
      std::vector<double> apart, alike;
      for (std::int64_t t = 0; t < draws; ++t) {
        const StreamKey key{static_cast<std::uint64_t>(a.seed), Purpose::kFading,
                            static_cast<std::uint32_t>(t)};
        const auto draw = channel->draw(key, std::vector<char>(norms.size(), 1));
        apart.push_back(influence_of(channel->superpose(draw, norms, energies), norms, 1).apart);
        alike.push_back(influence_of(channel->superpose(draw, ones, energies), ones, 1).alike);
      }
      table.rows.push_back(
          {entry.name, decibels, words.finite_mean ? ValueCell(mean(apart)) : ValueCell("infinite"),
           quantile(apart, 0.5), quantile(apart, 0.99),
           words.finite_mean ? ValueCell(mean(alike)) : ValueCell("infinite"), words.decodes, words.known});
    }
  }
  table.notes.push_back(
      fmt::format("lambda: mean error energy over that of the mean message, messages at right angles with "
                  "norms from {:g} to "
                  "{:g}; lambda_equal: k equal messages. Without fading there is one draw.",
                  norms.front(), norms.back()));
  table.notes.emplace_back(
      "Noise N(0, 1) in every real number received, that is in both parts of an antenna's sample. csit: E "
      "1/|h|^2 of a Rayleigh gain is infinite, and so is the mean; the quantiles are not.");
  table.notes.emplace_back(
      "known: free, without noise, and not counted among the symbols. Weights that are no mean are unbiased "
      "where the workers' data are alike; who is not heard keeps its message.");
  table.notes.emplace_back(
      "digital: the least that codes of each message by itself leave of normal ones at the rate of a turn, "
      "(1 + k SNR)^(-1/k); quantisers leave more.");
  table.notes.emplace_back(
      "reed is not among them: its error follows from the numbers that are sent, not from their norms.");
  return table;
}

}  // namespace

void add_theory_channels(CLI::App& theory) {
  const auto a = std::make_shared<ChannelArguments>();
  auto* command =
      theory.add_subcommand("channels", "Every channel at one signal-to-noise ratio: lambda and bias");
  command->add_option("--snr-db", a->ratios, fmt::format("Of a real symbol, dB: {}", kSweepHelp))
      ->capture_default_str();
  command->add_option("--workers", a->workers, "k")->capture_default_str();
  command
      ->add_option("--spread", a->spread, "The messages' norms lie evenly between 1 - spread and 1 + spread")
      ->capture_default_str();
  command->add_option("--antennas", a->link.antennas, "Of blind_mimo, at the server")->capture_default_str();
  command->add_option("--least-gain", a->link.least_gain, "Of csit_trunc: workers with |h| below stay silent")
      ->capture_default_str();
  command->add_option("--gains", a->link.gains, "Of trace: the file of its gains, of as many workers");
  command->add_option("--draws", a->draws, "Of the gains")->capture_default_str();
  command->add_option("--seed", a->seed, "Names the draws")->capture_default_str();
  command->add_flag("--json", a->json, "One JSON object instead of a table");
  command->callback([a] {
    if (!a->link.gains.empty()) a->link.trace = read_gain_trace(a->link.gains);
    channels_table(*a).print(a->json);
  });
}

}  // namespace laser
