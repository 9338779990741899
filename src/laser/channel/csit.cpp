// Fading that both ends know: workers invert their gains, and the weakest link sets the scale of all.
#include "laser/channel/models.hpp"

namespace laser {
namespace {

/// x_i = (b/h_i) s_i with b = min |h_i| sqrt(p_i)/N_i, decoded as y/(k b): exact mean (spec 1.3).
class Csit final : public Channel {
 public:
  explicit Csit(LinkOptions options) : options_(std::move(options)) {}
  [[nodiscard]] Link draw(const StreamKey& key, std::vector<char> present) const override {
    return draw_fading(key, std::move(present), options_);
  }
  [[nodiscard]] ChannelTraits traits() const override { return {.fades = true}; }

 private:
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    const double scale = scale_alike(link, norms, energies, true, result);
    result.receive_scale = 1.0 / (active_workers(link) * scale);
  }

  LinkOptions options_;
};

}  // namespace

std::unique_ptr<Channel> make_csit(const LinkOptions& options) { return std::make_unique<Csit>(options); }

}  // namespace laser
