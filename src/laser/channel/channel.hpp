// The air: how scaled symbols of k workers become one received block, y = sum_i h_i x_i + Z, Z ~ N(0, 1) per
// symbol.
//
// A channel draws apart from how it is applied. `draw` gives one round's gains; `superpose` decides, for one
// group of symbols that shares a scale, what every worker multiplies its symbols with and what the server
// multiplies the sum with. Both are pure functions of small numbers; tensors are touched only in
// channel/superposition.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "laser/core/random.hpp"

namespace laser {

/// One round's draw, known to whoever the channel model says.
struct Link {
  std::vector<double> gain;  // [k] h_i; 1 where there is no fading
};

/// How one group of symbols with a common scale crosses the air (spec 1.2, equation 2).
struct Superposition {
  std::vector<double> amplitude;  // [k] a_i: worker i transmits x_i = a_i s_i, energy a_i^2 ||s_i||^2
  std::vector<double> gain;       // [k] h_i
  double receive_scale = 0;       // the server multiplies what it hears with this
  double noise_std = 0;           // sigma_b per decoded symbol: receive_scale, or 0 on a noiseless channel
  bool received = true;           // false: no energy was given although there was something to send
  /// Weight of worker i in the decoded block: receive_scale h_i a_i (1/k on an ideal channel).
  [[nodiscard]] double weight(std::size_t i) const { return receive_scale * gain[i] * amplitude[i]; }
};

/// A channel model. Stateless; final classes only, one file each.
class Channel {
 public:
  virtual ~Channel() = default;
  /// Draws one round's gains for k workers.
  [[nodiscard]] virtual Link draw(std::uint64_t seed, std::int64_t round, std::int64_t workers) const = 0;
  /// Scales for one group: `norms` [k] are N_i = ||s_i||, `energy` is p_b, the most that any worker may spend
  /// on it.
  [[nodiscard]] virtual Superposition superpose(const Link& link, std::span<const double> norms,
                                                double energy) const = 0;
  /// Whether it needs a finite power budget.
  [[nodiscard]] virtual bool noisy() const = 0;
};

/// One line of the channels' table of contents.
struct ChannelEntry {
  std::string name;
  std::string sentence;
  std::unique_ptr<Channel> (*make)();
};

/// All channels.
const std::vector<ChannelEntry>& channels();

/// The channel of that name. Throws Error (configuration) naming the known ones.
std::unique_ptr<Channel> make_channel(const std::string& name);

}  // namespace laser
