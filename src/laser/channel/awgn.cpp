#include "laser/channel/awgn.hpp"

#include <algorithm>
#include <cmath>

namespace laser {

Link Awgn::draw(std::uint64_t, std::int64_t, std::int64_t workers) const {
  return {std::vector<double>(static_cast<std::size_t>(workers), 1.0)};
}

Superposition Awgn::superpose(const Link& link, std::span<const double> norms, double energy) const {
  const auto workers = norms.size();
  const double largest = *std::max_element(norms.begin(), norms.end());  // c = max_i N_i
  Superposition result{std::vector<double>(workers, 0.0), link.gain, 0.0, 0.0, true};
  if (largest == 0) return result;  // nothing to send: the decoded block is the mean, 0
  if (energy <= 0) {                // something to send, but silent
    result.received = false;
    return result;
  }
  const double amplitude = std::sqrt(energy) / largest;  // x_i = a s_i spends energy N_i^2 / c^2 <= energy
  std::fill(result.amplitude.begin(), result.amplitude.end(), amplitude);
  result.receive_scale = 1.0 / (static_cast<double>(workers) * amplitude);
  result.noise_std = result.receive_scale;
  return result;
}

}  // namespace laser
