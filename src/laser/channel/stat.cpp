// Fading of which only the statistics are known: unbiased over the gains, at the price of their variance.
#include "laser/channel/models.hpp"

namespace laser {
namespace {

/// x_i = a s_i, decoded as y/(k a mu_h) (spec 1.3).
class Stat final : public Channel {
 public:
  [[nodiscard]] Link draw(const StreamKey& key, std::vector<char> present) const override {
    return draw_rayleigh(key, std::move(present));
  }
  [[nodiscard]] ChannelTraits traits() const override { return {.fades = true}; }

 private:
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    const double scale = scale_alike(link, norms, energies, false, result);
    result.receive_scale = 1.0 / (active_workers(link) * scale * kRayleighMean);
  }
};

}  // namespace

std::unique_ptr<Channel> make_stat(const LinkOptions&) { return std::make_unique<Stat>(); }

}  // namespace laser
