#include "laser/channel/channel.hpp"

#include <algorithm>
#include <cmath>

#include "laser/channel/describe.hpp"
#include "laser/channel/models.hpp"
#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/options.hpp"

namespace laser {

bool Link::heard() const {
  return std::any_of(active.begin(), active.end(), [](char a) { return a != 0; });
}

Link Channel::draw(const StreamKey&, std::vector<char> present) const {
  const std::vector<double> ones(present.size(), 1.0);
  return {ones, std::move(present)};
}

Superposition Channel::superpose(const Link& link, std::span<const double> norms,
                                 std::span<const double> energies) const {
  if (norms.size() != link.gain.size() || energies.size() != norms.size() ||
      link.active.size() != norms.size()) {
    fail(ExitCode::kConfiguration,
         "a channel got {} norms, {} energies and {} marks of activity for {} gains. HINT: one of each a "
         "worker",
         norms.size(), energies.size(), link.active.size(), link.gain.size());
  }
  Superposition result{std::vector<double>(norms.size(), 0.0), link.met.empty() ? link.gain : link.met};
  result.air_noise = link.air_noise;
  result.phase = link.phase;
  result.delay = link.delay;
  result.peak_ratio = link.peak_ratio;
  const auto is = traits();
  result.as_energies = is.as_energies;
  bool something = false, powered = true;
  for (std::size_t i = 0; i < norms.size(); ++i) {
    if (link.active[i] == 0 || norms[i] == 0) continue;
    something = true;
    powered = powered && (!is.noisy || energies[i] > 0);
  }
  if (!link.heard() || (something && !powered)) {
    result.received = false;
  } else if (something) {  // else the decoded block is the mean, 0
    scale(link, norms, energies, result);
    const auto bad = [](double number) { return std::isnan(number); };
    const bool fits = result.amplitude.size() == norms.size() && result.gain.size() == norms.size() &&
                      (result.spent.empty() || result.spent.size() == norms.size());
    if (!fits || bad(result.receive_scale) ||
        std::any_of(result.amplitude.begin(), result.amplitude.end(), bad)) {
      fail(
          ExitCode::kConfiguration,
          "the channel's scales are not a number or not one a worker. HINT: amplitude [{}] and receive_scale",
          norms.size());
    }
    // Of energies: that of |z|^2 - |z'|^2, z and z' of two real symbols each, where nothing is sent.
    const double noise = is.as_energies ? std::sqrt(8.0) * link.air_noise * link.air_noise : link.air_noise;
    if (is.noisy) result.noise_std = result.receive_scale * noise;
  }
  return result;
}

std::vector<double> Channel::bits(const Link& link, double, std::span<const double>) const {
  if (traits().digital)
    fail(ExitCode::kConfiguration,
         "a digital channel says how many bits it carries. HINT: it overrides bits()");
  return std::vector<double>(link.active.size(), 0.0);
}

namespace {

/// The settings of channels of which somebody knows the gains, and `own` ones.
std::vector<std::string> of_known_gains(std::vector<std::string> own = {}) {
  for (const char* setting : {"channel_error", "path_loss_exponent", "shadowing_db"})
    own.emplace_back(setting);
  return own;
}

}  // namespace

const std::vector<ChannelEntry>& channels() {
  static const std::vector<ChannelEntry> table{
      {{"awgn", "noisy multiple-access channel y = sum x_i + Z (the paper's)",
        "LASER, equation 1; spec 1.1, 1.2"},
       make_awgn,
       {"the mean", "phases"}},
      {{"noiseless", "exact mean, no power limit", "spec 1.1"}, make_noiseless, {"the mean", ""}},
      {{"csit", "Rayleigh fading that workers know and invert", "spec 1.3", of_known_gains()},
       make_csit,
       {"the mean", "every h_i, at both ends", false}},
      {{"csit_trunc", "as csit, but workers in a deep fade stay silent", "spec 1.3",
        of_known_gains({"least_gain"})},
       make_csit_trunc,
       {"the mean of those heard", "every h_i, at both ends"}},
      {{"csir", "Rayleigh fading that only the receiver knows", "spec 1.3", of_known_gains()},
       make_csir,
       {"weights h_i/sum h", "phases; sum h at the server"}},
      {{"stat", "Rayleigh fading of which only mean and variance are known", "spec 1.3"},
       make_stat,
       {"the mean over the draws", "phases; mean of h"}},
      {{"blind_mimo",
        "unknown phases, many receive antennas, one common pilot that is neither noisy nor counted",
        "Amiri, Duman and Gunduz, blind transmitters; spec 1.3",
        {"antennas"}},
       make_blind_mimo,
       {"the mean over the draws", "sum_i h_i at each antenna: one pilot a draw"}},
      {{"reed",
        "Rayleigh fading with phases that nobody knows: a number is the difference of two received energies",
        "REED, arXiv 2605.07263; docs/arena.md"},
       make_reed,
       {"the mean over the draws", "mean of |h|^2; no phase"}},
      {{"sum_power", "as awgn, with one budget for all workers together", "spec 1.4"},
       make_sum_power,
       {"the mean", "phases"}},
      {{"saturating", "as awgn, every worker always at full power", "spec 1.4"},
       make_saturating,
       {"weights 1/N_i", "phases"}},
      {{"trace",
        "gains of a file, from a ray tracer or a test bed: weights as csir with one antenna, one pilot as "
        "blind_mimo with several",
        "docs/channels.md; spec 1.3",
        {"gains"}},
       make_trace,
       {"weights g_i/sum g", "phases, or one pilot a draw; sum g at the server"},
       "gains"},
      {{"digital",
        "bits at the capacity of the channel, received exactly; workers take turns",
        "Amiri and Gunduz, arXiv 1901.00844, section III; spec 1.5",
        {"access", "air_rank", "scale_bits"}},
       make_digital,
       {"the mean, to the bits there are", "whose turn it is"}},
  };
  return table;
}

void describe_channel(OptionList& list, std::string& channel) {
  list.group("channel");
  list.add_choice("channel", channel, names_of(channels()), "model of the air");
}

void describe_link(OptionList& list, const std::string& channel, LinkOptions& o) {
  const auto reads = [&channel](const std::string& setting) {
    return row_reads(channels(), channel, setting);
  };
  list.group("links", [reads] { return reads("least_gain"); });
  list.add_real("least_gain", o.least_gain, 0, 10, false, "", "workers with |h| below it stay silent");
  list.group("links", [reads] { return reads("antennas"); });
  list.add_integer("antennas", o.antennas, 1, 4096, "", "at the receiver");
  // Options that are younger than published runs are no part of their hashes while they say what those did.
  list.group("links", [&o, reads] { return reads("channel_error") && o.channel_error != 0; });
  list.add_real("channel_error", o.channel_error, 0, 0.99, false, "",
                "mean square error of the estimate of a gain, over the mean square of the gain");
  list.group("links", [&o, reads] { return reads("path_loss_exponent") && o.path_loss_exponent != 0; });
  list.add_real("path_loss_exponent", o.path_loss_exponent, 0, 8, false, "",
                "workers spread over a cell: mean power r^-exponent, 1 on average; 0: all equally far");
  list.group("links", [&o, reads] { return reads("shadowing_db") && o.shadowing_db != 0; });
  list.add_real("shadowing_db", o.shadowing_db, 0, 30, false, "dB",
                "standard deviation of the workers' mean powers about that");
  const auto aligned = [&channel] { return channel_traits(channel).aligned; };
  list.group("links", [&o, aligned] { return o.phase_error != 0 && aligned(); });
  list.add_real("phase_error", o.phase_error, 0, 10, false, "radians",
                "standard deviation of a worker's residual phase in a draw");
  list.group("links", [&o, aligned] { return o.timing_error != 0 && aligned(); });
  list.add_real("timing_error", o.timing_error, 0, 10, false, "symbol durations",
                "standard deviation of a worker's residual timing offset in a draw");
  list.group("links", [&channel, &o] {
    const auto plain = channel_traits(channel);
    return o.peak_ratio != 0 && plain.noisy && !plain.digital && !plain.as_energies;
  });
  list.add_real("peak_ratio", o.peak_ratio, 0, 1e6, false, "",
                "workers clip symbols whose square is more than so many times their mean square; 0: never");
  list.group("links", [reads] { return reads("access"); });
  list.add_choice("access", o.access, {"time_division", "sum_capacity"},
                  "workers take turns, each with its own energy, or each has an equal part of the most bits "
                  "that all together could send; the same where budgets are equal");
  list.group("links", [reads] { return reads("gains"); });
  list.add_text(
      "gains", o.gains,
      "file of the gains [rounds, workers] or [rounds, workers, antennas]: .npy, .safetensors or .csv");
  list.counts_as([&o] { return o.trace ? o.trace->sha256 : o.gains; });
}

std::unique_ptr<Channel> make_channel(const std::string& name, const LinkOptions& link) {
  auto known = name;
  auto checked = link;
  OptionList list;
  describe_channel(list, known);
  describe_link(list, known, checked);
  list.check();
  const auto entry = std::ranges::find(channels(), name, &ChannelEntry::name);
  LASER_CHECK(entry != channels().end());  // the list knows the same names
  return make_imperfect(entry->make(link), link);
}

ChannelTraits channel_traits(const std::string& name) { return make_channel(name)->traits(); }

}  // namespace laser
