#include "laser/channel/channel.hpp"

#include <algorithm>

#include "laser/channel/models.hpp"
#include "laser/core/collect.hpp"
#include "laser/core/error.hpp"

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
  LASER_CHECK(norms.size() == link.gain.size() && energies.size() == norms.size());
  Superposition result{std::vector<double>(norms.size(), 0.0), link.gain, 0.0, 0.0, true, link.air_noise};
  bool something = false, powered = true;
  for (std::size_t i = 0; i < norms.size(); ++i) {
    if (link.active[i] == 0 || norms[i] == 0) continue;
    something = true;
    powered = powered && (!noisy() || energies[i] > 0);
  }
  if (!link.heard() || (something && !powered)) {
    result.received = false;
  } else if (something) {  // else the decoded block is the mean, 0
    scale(link, norms, energies, result);
    if (noisy()) result.noise_std = result.receive_scale * link.air_noise;
  }
  return result;
}

const std::vector<ChannelEntry>& channels() {
  static const std::vector<ChannelEntry> table{
      {{"awgn", "noisy multiple-access channel y = sum x_i + Z (the paper's)",
        "LASER, equation 1; spec 1.1, 1.2"},
       make_awgn},
      {{"noiseless", "exact mean, no power limit", "spec 1.1"}, make_noiseless},
      {{"csit", "Rayleigh fading that workers know and invert", "spec 1.3"}, make_csit},
      {{"csit_trunc", "as csit, but workers in a deep fade stay silent", "spec 1.3"}, make_csit_trunc},
      {{"csir", "Rayleigh fading that only the receiver knows", "spec 1.3"}, make_csir},
      {{"stat", "Rayleigh fading of which only mean and variance are known", "spec 1.3"}, make_stat},
      {{"blind_mimo",
        "unknown phases, many receive antennas, one common pilot that is neither noisy nor counted",
        "Amiri, Duman and Gunduz, blind transmitters; spec 1.3"},
       make_blind_mimo},
      {{"sum_power", "as awgn, with one budget for all workers together", "spec 1.4"}, make_sum_power},
      {{"saturating", "as awgn, every worker always at full power", "spec 1.4"}, make_saturating},
  };
  return table;
}

void describe_channel(OptionList& list, std::string& channel) {
  list.group("channel");
  list.add_choice("channel", channel, names_of(channels()), "model of the air");
}

void describe_fading(OptionList& list, const std::string& channel, FadingOptions& o) {
  list.group("links", [&channel] { return channel == "csit_trunc"; });
  list.add_real("least_gain", o.least_gain, 0, 10, false, "", "workers with |h| below it stay silent");
  list.group("links", [&channel] { return channel == "blind_mimo"; });
  list.add_integer("antennas", o.antennas, 1, 4096, "", "at the receiver");
}

std::unique_ptr<Channel> make_channel(const std::string& name, const FadingOptions& fading) {
  auto known = name;
  auto checked = fading;
  OptionList list;
  describe_channel(list, known);
  describe_fading(list, known, checked);
  list.check();
  const auto entry = std::ranges::find(channels(), name, &ChannelEntry::name);
  LASER_CHECK(entry != channels().end());  // the list knows the same names
  return entry->make(fading);
}

}  // namespace laser
