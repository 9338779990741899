// The paper's channel with every worker at full power: less noise, but a mean weighted by 1 / norm.
#include <cmath>

#include "laser/channel/models.hpp"

namespace laser {
namespace {

/// a_i = sqrt(p_i)/N_i, decoded as y / sum a; a worker with nothing to send has no part (spec 1.4).
class Saturating final : public Channel {
 private:
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    double sum = 0;
    for (std::size_t i = 0; i < norms.size(); ++i) {
      if (link.active[i] == 0 || norms[i] == 0) continue;
      result.amplitude[i] = std::sqrt(energies[i]) / norms[i];
      sum += result.amplitude[i];
    }
    result.receive_scale = 1.0 / sum;
  }
};

}  // namespace

std::unique_ptr<Channel> make_saturating(const LinkOptions&) { return std::make_unique<Saturating>(); }

}  // namespace laser
