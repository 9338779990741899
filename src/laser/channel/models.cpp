#include "laser/channel/models.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace laser {

Link draw_rayleigh(const StreamKey& key, std::vector<char> present) {
  Link link{std::vector<double>(present.size()), std::move(present)};
  for (std::size_t i = 0; i < link.gain.size(); ++i) {
    link.gain[i] = std::sqrt(-std::log(random_uniform(key, i)));  // |h|^2 is exponential with mean 1
  }
  return link;
}

double scale_alike(const Link& link, std::span<const double> norms, std::span<const double> energies,
                   bool inverted, Superposition& result) {
  double scale = std::numeric_limits<double>::infinity();  // b
  for (std::size_t i = 0; i < norms.size(); ++i) {
    if (link.active[i] == 0 || norms[i] == 0) continue;
    scale = std::min(scale, (inverted ? link.gain[i] : 1.0) * (std::sqrt(energies[i]) / norms[i]));
  }
  for (std::size_t i = 0; i < norms.size(); ++i) {
    if (link.active[i] != 0) result.amplitude[i] = inverted ? scale / link.gain[i] : scale;
  }
  return scale;
}

double active_workers(const Link& link) {
  return static_cast<double>(
      std::count_if(link.active.begin(), link.active.end(), [](char a) { return a != 0; }));
}

}  // namespace laser
