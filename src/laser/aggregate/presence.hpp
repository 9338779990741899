// Which workers take part in a round, and with what share of the power. Pure functions of the stream's key,
// so that every process knows the same.
#pragma once

#include <cstdint>
#include <vector>

#include "laser/core/random.hpp"

namespace laser {

/// The layer of the streams below: they are beside those of the gains, and no tensor has this number.
inline constexpr std::uint32_t kPresenceLayer = (1U << 24) - 1;

/// The stream that says who is awake in a round.
inline StreamKey awake_key(std::uint64_t seed, std::int64_t round) {
  return {seed, Purpose::kFading, static_cast<std::uint32_t>(round), kPresenceLayer, 0};
}

/// The stream that says whose message of a round is lost.
inline StreamKey loss_key(std::uint64_t seed, std::int64_t round) {
  return {seed, Purpose::kFading, static_cast<std::uint32_t>(round), kPresenceLayer, 1};
}

/// [k] round(participation k) workers, at least one, every choice equally likely. The others compute nothing
/// and keep their memory as it is.
std::vector<char> awake_workers(const StreamKey& key, std::int64_t workers, double participation);

/// Those of `awake` whose message is not lost, each with probability `loss_rate`. A worker whose message is
/// lost keeps all of it in its memory.
std::vector<char> without_losses(const StreamKey& key, std::vector<char> awake, double loss_rate);

/// [k] budgets relative to their mean: `relative` repeated over the workers and scaled; all 1 where it is
/// empty. Throws Error (configuration) for one that is not above 0.
std::vector<double> shares_of(const std::vector<double>& relative, std::int64_t workers);

}  // namespace laser
