#include "laser/channel/models.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

namespace laser {

Link draw_rayleigh(const StreamKey& key, std::vector<char> present) {
  Link link{std::vector<double>(present.size()), std::move(present)};
  for (std::size_t i = 0; i < link.gain.size(); ++i) {
    link.gain[i] = std::sqrt(-std::log(random_uniform(key, i)));  // |h|^2 is exponential with mean 1
  }
  return link;
}

double random_normal(const StreamKey& key, std::uint64_t index) {
  const double size = std::sqrt(-2 * std::log(random_uniform(key, 2 * index)));
  return size * std::cos(2 * std::numbers::pi * random_uniform(key, 2 * index + 1));
}

std::vector<double> cell_gains(std::uint64_t seed, std::size_t workers, double exponent,
                               double shadowing_db) {
  constexpr double kInner = 0.01;  // square of the radius that is left out, over that of the disc
  constexpr std::uint32_t kNoRound = 0xFFFFFFFF;  // no round has this number
  const double half = exponent / 2, spread = shadowing_db * std::numbers::ln10 / 10;
  // E r^-exponent over the ring, and E exp(spread z).
  const double area = half == 1 ? -std::log(kInner) : (1 - std::pow(kInner, 1 - half)) / (1 - half);
  const double mean = area / (1 - kInner) * std::exp(spread * spread / 2);
  const StreamKey places{seed, Purpose::kFading, kNoRound, 0, 0},
      shadows{seed, Purpose::kFading, kNoRound, 0, 1};
  std::vector<double> gains(workers);
  for (std::size_t i = 0; i < workers; ++i) {
    const double square = kInner + (1 - kInner) * random_uniform(places, i);
    gains[i] = std::sqrt(std::pow(square, -half) * std::exp(spread * random_normal(shadows, i)) / mean);
  }
  return gains;
}

Link draw_fading(const StreamKey& key, std::vector<char> present, const LinkOptions& options) {
  auto link = draw_rayleigh(key, std::move(present));
  const std::size_t workers = link.gain.size();
  if (const double error = options.channel_error; error > 0) {
    // The best estimate from a noisy pilot: h = estimate + e with e ~ CN(0, error) independent of it.
    StreamKey own = key;
    own.unit = 1;
    for (std::size_t i = 0; i < workers; ++i) {
      link.gain[i] *= std::sqrt(1 - error);
      const auto e = std::polar(std::sqrt(-error * std::log(random_uniform(own, 2 * i))),
                                2 * std::numbers::pi * random_uniform(own, 2 * i + 1));
      const auto met = link.gain[i] + e;
      link.met.push_back(std::abs(met));
      link.phase.push_back(std::arg(met));
    }
  }
  if (options.path_loss_exponent > 0 || options.shadowing_db > 0) {
    const auto cell = cell_gains(key.seed, workers, options.path_loss_exponent, options.shadowing_db);
    for (std::size_t i = 0; i < workers; ++i) link.gain[i] *= cell[i];
    for (std::size_t i = 0; i < link.met.size(); ++i) link.met[i] *= cell[i];
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

void scale_by_gains(const Link& link, std::span<const double> norms, std::span<const double> energies,
                    Superposition& result) {
  const double scale = scale_alike(link, norms, energies, false, result);
  double sum = 0;
  for (std::size_t i = 0; i < norms.size(); ++i) sum += link.active[i] != 0 ? link.gain[i] : 0.0;
  result.receive_scale = 1.0 / (scale * sum);
}

double combine_antenna(std::span<const std::complex<double>> gains, Link& link) {
  std::complex<double> pilot = 0;
  for (std::size_t i = 0; i < gains.size(); ++i) {
    if (link.active[i] != 0) pilot += gains[i];
  }
  for (std::size_t i = 0; i < gains.size(); ++i) link.gain[i] += std::real(std::conj(pilot) * gains[i]);
  return std::norm(pilot);
}

double active_workers(const Link& link) {
  return static_cast<double>(
      std::count_if(link.active.begin(), link.active.end(), [](char a) { return a != 0; }));
}

}  // namespace laser
