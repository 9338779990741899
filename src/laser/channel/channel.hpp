// The air: how scaled symbols of k workers become one received block, y = sum_i h_i x_i + Z, Z ~
// N(0, 1) per symbol.
//
// A channel draws apart from how it is applied. `draw` gives one round's gains; `superpose` decides,
// for one group of symbols that shares a scale, what every worker multiplies its symbols with and
// what the server multiplies the sum with. Both are pure functions of small numbers; tensors are
// touched by the round alone.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "laser/channel/link_options.hpp"
#include "laser/core/part.hpp"
#include "laser/core/random.hpp"

namespace laser {

/// One draw, known to whoever the channel model says.
struct Link {
  // [k] h_i as it is known, behind the receiver's combining; 1 where there is no fading
  std::vector<double> gain;
  std::vector<char> active;  // [k] who transmits
  double air_noise = 1;      // standard deviation of what is added to sum_i h_i x_i
  // What is not as it should be (imperfect.cpp); empty or 0: nothing.
  std::vector<double> met = {};    // [k] the modulus of what symbols really meet, where that is not `gain`
  std::vector<double> phase = {};  // [k] its residual phase, radians
  std::vector<double> delay = {};  // [k] residual timing offset, in symbol durations
  double peak_ratio = 0;           // workers clip their symbols at this peak over their mean square
  /// Whether any worker transmits.
  [[nodiscard]] bool heard() const;
};

/// How one group of symbols with a common scale crosses the air (spec 1.2, equation 2).
struct Superposition {
  std::vector<double> amplitude;  // [k] a_i: worker i transmits x_i = a_i s_i, energy a_i^2 ||s_i||^2
  std::vector<double> gain;       // [k] |h_i| that symbols meet
  double receive_scale = 0;       // the server multiplies what it hears with this
  double noise_std = 0;           // sigma_b per decoded symbol: receive_scale air_noise, or 0 without noise
  bool received = true;           // false: there was something to send, but no energy or nobody to send it
  double air_noise = 1;           // as in the link, like all below
  std::vector<double> phase = {}, delay = {};
  double peak_ratio = 0;
  /// [k] energy of worker i where its symbols do not tell it, as where they are bits; empty: they do.
  std::vector<double> spent = {};
  /// Energy that worker i spends on its symbols of norm `norm`, as far as none of them are clipped.
  [[nodiscard]] double energy(std::size_t i, double norm) const {
    const double sent = amplitude[i] * norm;
    return spent.empty() ? sent * sent : spent[i];
  }
  bool as_energies = false;
  /// Weight of worker i in the decoded block: receive_scale h_i a_i (1/k on an ideal channel), before phase
  /// and timing turn it and clipping shortens it; receive_scale (h_i a_i)^2 of numbers that are energies.
  [[nodiscard]] double weight(std::size_t i) const {
    const double met = gain[i] * amplitude[i];
    return receive_scale * (as_energies ? met * met : met);
  }
};

/// What holds for a channel; the round, the settings and the laws read these, never names.
struct ChannelTraits {
  bool noisy = true;          // it needs a finite power budget
  bool shares_power = false;  // the budgets hold for all workers together and not for each
  bool fades = false;         // a draw for each tensor differs from one for all
  bool aligned = true;        // workers compensate their phases, so that what is left of them matters
  // It carries bits and no numbers: what it carries arrives exactly, and no more than bits() of it.
  bool digital = false;
  // A number u is sent as the energy a^2 |u| on one of two resource elements, one for each sign, so that no
  // phase matters: worker i spends a_i^2 sum |s| on a group, and the noise depends on what is sent.
  bool as_energies = false;
  std::int64_t uses = 1;  // real symbols of the air that a number takes
};

/// A channel model. Stateless: what a round has drawn is in its Link.
class Channel {
 public:
  virtual ~Channel() = default;
  /// Draws the gains of the workers that are `present` [k]; the others are not active.
  [[nodiscard]] virtual Link draw(const StreamKey& key, std::vector<char> present) const;
  /// Scales for one group: `norms` [k] are N_i = ||s_i||, or the root of the sum of |s| where numbers travel
  /// as energies; `energies` [k] are p_{b,i}, the most that worker i may spend on it.
  [[nodiscard]] Superposition superpose(const Link& link, std::span<const double> norms,
                                        std::span<const double> energies) const;
  /// What holds for it.
  [[nodiscard]] virtual ChannelTraits traits() const { return {}; }
  /// [k] Bits that each worker gets across, asked of digital channels before anything is encoded: in
  /// `symbols` uses of the channel that all workers have together, each with its energy of `energies` [k]. 0
  /// for those that are not active.
  [[nodiscard]] virtual std::vector<double> bits(const Link& link, double symbols,
                                                 std::span<const double> energies) const;
  /// Throws Error (data, configuration) where it has no gains for so many workers and rounds.
  virtual void check(std::int64_t /*workers*/, std::int64_t /*rounds*/) const {}

 private:
  friend class Imperfect;  // asks another channel for its scales
  /// Fills in amplitudes and receive scale; asked only where an active worker has something to send and every
  /// active worker that has may spend energy on it. Workers that are not active keep the amplitude 0.
  virtual void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
                     Superposition& result) const = 0;
};

/// What no average of draws can say of a channel, for tables of all of them.
struct ChannelWords {
  std::string decodes;      // in the place of the mean of the messages
  std::string known;        // beside the norms, free and without noise
  bool finite_mean = true;  // of the noise's energy over the draws
};

/// A row of the channels' table.
struct ChannelEntry : PartRow {
  std::unique_ptr<Channel> (*make)(const LinkOptions&);
  ChannelWords words;
  std::string needs = "";  // the setting without which it is nothing, where there is one
};

/// All channels.
const std::vector<ChannelEntry>& channels();

/// The channel of that name. Throws Error (configuration) for a name or value that the options above do not
/// allow, with the text of the command.
std::unique_ptr<Channel> make_channel(const std::string& name, const LinkOptions& link = {});

/// A channel of one's own with the phases, timing and clipping that the options tell; as it is where they
/// tell of none. make_channel() does the same by itself.
std::shared_ptr<const Channel> with_imperfections(std::shared_ptr<const Channel> channel,
                                                  const LinkOptions& options);

/// What holds for the channel of that name. Throws as make_channel().
ChannelTraits channel_traits(const std::string& name);

}  // namespace laser
