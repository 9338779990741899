// Fading that only the receiver knows: a mean weighted by the gains, unbiased where the data are alike.
#include "laser/channel/models.hpp"

namespace laser {
namespace {

/// x_i = a s_i, decoded as y/(a sum h): weights h_i / sum h (spec 1.3).
class Csir final : public Channel {
 public:
  explicit Csir(LinkOptions options) : options_(std::move(options)) {}
  [[nodiscard]] Link draw(const StreamKey& key, std::vector<char> present) const override {
    return draw_fading(key, std::move(present), options_);
  }
  [[nodiscard]] ChannelTraits traits() const override { return {.fades = true}; }

 private:
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    scale_by_gains(link, norms, energies, result);
  }

  LinkOptions options_;
};

}  // namespace

std::unique_ptr<Channel> make_csir(const LinkOptions& options) { return std::make_unique<Csir>(options); }

}  // namespace laser
