#include "laser/aggregate/presence.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "laser/core/fail.hpp"

namespace laser {

std::vector<char> awake_workers(const StreamKey& key, std::int64_t workers, double participation) {
  const auto k = static_cast<std::size_t>(workers);
  std::vector<char> awake(k, 1);
  if (participation >= 1) return awake;
  const auto wanted =
      std::clamp<std::int64_t>(std::llround(participation * static_cast<double>(workers)), 1, workers);
  std::fill(awake.begin(), awake.end(), 0);
  std::vector<std::size_t> order(k);
  std::iota(order.begin(), order.end(), std::size_t{0});
  // The first steps of a Fisher-Yates shuffle
  for (std::size_t i = 0; i < static_cast<std::size_t>(wanted); ++i) {
    const auto j = i + random_below(key, i, static_cast<std::uint32_t>(k - i));
    std::swap(order[i], order[j]);
    awake[order[i]] = 1;
  }
  return awake;
}

std::vector<char> without_losses(const StreamKey& key, std::vector<char> awake, double loss_rate) {
  if (loss_rate <= 0) return awake;
  for (std::size_t i = 0; i < awake.size(); ++i) {
    if (random_uniform(key, i) < loss_rate) awake[i] = 0;
  }
  return awake;
}

std::vector<double> shares_of(const std::vector<double>& relative, std::int64_t workers) {
  std::vector<double> shares(static_cast<std::size_t>(workers), 1.0);
  if (relative.empty()) return shares;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    shares[i] = relative[i % relative.size()];
    if (!std::isfinite(shares[i]) || shares[i] <= 0) {
      fail(ExitCode::kConfiguration,
           "power_shares: {} is not above 0. HINT: participation or loss_rate for workers that do not send",
           shares[i]);
    }
  }
  const double mean = std::accumulate(shares.begin(), shares.end(), 0.0) / static_cast<double>(workers);
  for (double& share : shares) share /= mean;
  return shares;
}

}  // namespace laser
