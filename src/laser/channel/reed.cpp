// Numbers as differences of energies, without any phase (REED). A worker sends |u| as the energy a^2 |u| on
// one of two resource elements, one for each sign, with a phase of its own that nobody knows; the server
// subtracts the energies that it receives and divides by a^2 and the mean power of a gain, which is 1.
//
// A resource element is one complex symbol, that is two real ones with noise N(0, 1) each. With A and B the
// sums over the workers of a^2 |u| that go to either element, over Rayleigh gains and phases
//   E decoded = mean of u,   Var decoded = ((A + 2)^2 + (B + 2)^2) / (a^2 k)^2:
// unbiased at every power, but the workers' signals disturb each other however loud they are. Energy is a^2
// times the sum of |u|, so that N_i, as Channel::superpose has it, is the root of that sum.
#include "laser/channel/models.hpp"

namespace laser {
namespace {

class Reed final : public Channel {
 public:
  [[nodiscard]] Link draw(const StreamKey& key, std::vector<char> present) const override {
    return draw_rayleigh(key, std::move(present));
  }
  [[nodiscard]] ChannelTraits traits() const override {
    return {.fades = true, .aligned = false, .as_energies = true, .uses = 4};
  }

 private:
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    const double scale = scale_alike(link, norms, energies, false, result);
    result.receive_scale = 1.0 / (active_workers(link) * scale * scale);
  }
};

}  // namespace

std::unique_ptr<Channel> make_reed(const LinkOptions&) { return std::make_unique<Reed>(); }

}  // namespace laser
