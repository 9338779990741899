// The paper's channel: every gain is 1, all workers share one scale, and the strongest uses
// the block's whole energy.
#include "laser/channel/models.hpp"

namespace laser {
namespace {

/// Noisy multiple-access channel (spec 1.1, 1.2; [LASER, equation 1 and appendix E.1]).
class Awgn final : public Channel {
 private:
  void scale(const Link& link, std::span<const double> norms, std::span<const double> energies,
             Superposition& result) const override {
    const double scale = scale_alike(link, norms, energies, false, result);
    result.receive_scale = 1.0 / (active_workers(link) * scale);
  }
};

}  // namespace

std::unique_ptr<Channel> make_awgn(const LinkOptions&) { return std::make_unique<Awgn>(); }

}  // namespace laser
