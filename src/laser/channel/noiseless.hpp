// The ideal link: the server receives the exact mean, and power plays no part.
#pragma once

#include "laser/channel/channel.hpp"

namespace laser {

/// Exact mean of the workers' symbols; an explicit choice, never "power 0" (spec 1).
class Noiseless final : public Channel {
 public:
  [[nodiscard]] Link draw(std::uint64_t seed, std::int64_t round, std::int64_t workers) const override;
  [[nodiscard]] Superposition superpose(const Link& link, std::span<const double> norms,
                                        double energy) const override;
  [[nodiscard]] bool noisy() const override { return false; }
};

}  // namespace laser
