// The paper's channel with one budget for all workers together: the rms of their norms
// counts, not the largest.
#include <cmath>

#include "laser/channel/models.hpp"

namespace laser {
namespace {

/// a = sqrt(sum p_i / sum N_i^2), so that sum ||x_i||^2 = sum p_i (spec 1.4).
class SumPower final : public Channel {
 public:
  [[nodiscard]] ChannelTraits traits() const override { return {.shares_power = true}; }

 private:
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    double squares = 0, energy = 0;
    for (std::size_t i = 0; i < norms.size(); ++i) {
      if (link.active[i] == 0) continue;
      squares += norms[i] * norms[i];
      energy += energies[i];
    }
    const double scale = std::sqrt(energy / squares);
    for (std::size_t i = 0; i < norms.size(); ++i) result.amplitude[i] = link.active[i] != 0 ? scale : 0.0;
    result.receive_scale = 1.0 / (active_workers(link) * scale);
  }
};

}  // namespace

std::unique_ptr<Channel> make_sum_power(const LinkOptions&) { return std::make_unique<SumPower>(); }

}  // namespace laser
