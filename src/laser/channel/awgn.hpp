// The paper's channel: every gain is 1, all workers share one scale, and the strongest uses the block's whole
// energy.
#pragma once

#include "laser/channel/channel.hpp"

namespace laser {

/// Noisy multiple-access channel (spec 1.1, 1.2; [LASER, equation 1 and appendix E.1]).
class Awgn final : public Channel {
 public:
  [[nodiscard]] Link draw(std::uint64_t seed, std::int64_t round, std::int64_t workers) const override;
  [[nodiscard]] Superposition superpose(const Link& link, std::span<const double> norms,
                                        double energy) const override;
  [[nodiscard]] bool noisy() const override { return true; }
};

}  // namespace laser
