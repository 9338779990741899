// The ideal link: the server receives the exact mean, and power plays no part.
#include "laser/channel/models.hpp"

namespace laser {
namespace {

/// Exact mean of the workers' symbols; an explicit choice, never "power 0" (spec 1).
class Noiseless final : public Channel {
 public:
  [[nodiscard]] ChannelTraits traits() const override { return {.noisy = false, .aligned = false}; }

 private:
  void scale(const Link& link, std::span<const double>, std::span<const double>,
             Superposition& result) const override {
    for (std::size_t i = 0; i < link.active.size(); ++i)
      result.amplitude[i] = link.active[i] != 0 ? 1.0 : 0.0;
    result.receive_scale = 1.0 / active_workers(link);
  }
};

}  // namespace

std::unique_ptr<Channel> make_noiseless(const LinkOptions&) { return std::make_unique<Noiseless>(); }

}  // namespace laser
