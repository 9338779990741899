// Fading that both ends know, where workers in a deep fade stay silent instead of slowing down all others.
//
// A silent worker keeps its whole message; where all are silent the update is skipped
// (aggregate/ sees to both).
#include "laser/channel/models.hpp"

namespace laser {
namespace {

/// As csit over the workers with |h_i| >= h_min, decoded by their number (spec 1.3).
class CsitTrunc final : public Channel {
 public:
  explicit CsitTrunc(LinkOptions options) : options_(std::move(options)) {}
  [[nodiscard]] Link draw(const StreamKey& key, std::vector<char> present) const override {
    auto link = draw_fading(key, std::move(present), options_);
    for (std::size_t i = 0; i < link.gain.size(); ++i) {
      if (link.gain[i] < options_.least_gain) link.active[i] = 0;
    }
    return link;
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

std::unique_ptr<Channel> make_csit_trunc(const LinkOptions& options) {
  return std::make_unique<CsitTrunc>(options);
}

}  // namespace laser
