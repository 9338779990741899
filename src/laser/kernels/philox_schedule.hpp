// What the words of one stream have in common: Philox4x32-10's round keys, and the parts of its first rounds
// that do not depend on the block number. The vector code in philox-inl.hpp works from this.
//
// A stream varies only word 0 of the counter, so of the first three rounds' six products three are constants.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "laser/core/random.hpp"

namespace laser {

inline constexpr std::uint32_t kPhiloxMultiplier0 = 0xD2511F53u;
inline constexpr std::uint32_t kPhiloxMultiplier1 = 0xCD9E8D57u;
inline constexpr std::uint32_t kPhiloxWeyl0 = 0x9E3779B9u;
inline constexpr std::uint32_t kPhiloxWeyl1 = 0xBB67AE85u;
inline constexpr std::size_t kPhiloxRounds = 10;

/// The constants of one stream, in the order in which the rounds use them.
struct PhiloxSchedule {
  std::uint32_t round1_counter2 = 0;  // exclusive-ored with the high half of multiplier0 * block
  std::uint32_t round2_counter0 = 0;
  std::uint32_t round2_counter2 = 0;
  std::uint32_t round3_counter2 = 0;
  std::array<std::uint32_t, kPhiloxRounds> key0{};
  std::array<std::uint32_t, kPhiloxRounds> key1{};
};

/// The schedule of stream `key`, with the counter layout of core/random.hpp.
inline PhiloxSchedule philox_schedule(const StreamKey& key) {
  PhiloxSchedule schedule;
  schedule.key0[0] = static_cast<std::uint32_t>(key.seed);
  schedule.key1[0] = static_cast<std::uint32_t>(key.seed >> 32);
  for (std::size_t round = 1; round < kPhiloxRounds; ++round) {
    schedule.key0[round] = schedule.key0[round - 1] + kPhiloxWeyl0;
    schedule.key1[round] = schedule.key1[round - 1] + kPhiloxWeyl1;
  }
  const std::uint32_t counter2 = (static_cast<std::uint32_t>(key.purpose) << 24) | (key.layer & 0xFFFFFFu);
  const std::uint64_t product1 = std::uint64_t{kPhiloxMultiplier1} * counter2;
  const std::uint32_t counter0 = static_cast<std::uint32_t>(product1 >> 32) ^ key.unit ^ schedule.key0[0];
  const std::uint64_t product0 = std::uint64_t{kPhiloxMultiplier0} * counter0;
  schedule.round1_counter2 = key.round ^ schedule.key1[0];
  schedule.round2_counter0 = static_cast<std::uint32_t>(product1) ^ schedule.key0[1];
  schedule.round2_counter2 = static_cast<std::uint32_t>(product0 >> 32) ^ schedule.key1[1];
  schedule.round3_counter2 = static_cast<std::uint32_t>(product0) ^ schedule.key1[2];
  return schedule;
}

}  // namespace laser
