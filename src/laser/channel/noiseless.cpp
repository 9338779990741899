#include "laser/channel/noiseless.hpp"

namespace laser {

Link Noiseless::draw(std::uint64_t, std::int64_t, std::int64_t workers) const {
  return {std::vector<double>(static_cast<std::size_t>(workers), 1.0)};
}

Superposition Noiseless::superpose(const Link& link, std::span<const double> norms, double) const {
  const auto workers = norms.size();
  return {std::vector<double>(workers, 1.0), link.gain, 1.0 / static_cast<double>(workers), 0.0, true};
}

}  // namespace laser
