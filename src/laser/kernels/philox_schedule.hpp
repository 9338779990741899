// What the words of one stream have in common: Philox4x32-10's round keys, and the parts of its first rounds
// that do not depend on the block number. The vector code in philox-inl.hpp and the GPU work from this.
//
// A stream varies only word 0 of the counter, so of the first three rounds' six products three are constants.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "laser/core/host_device.hpp"
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
LASER_HOST_DEVICE inline PhiloxSchedule philox_schedule(const StreamKey& key) {
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

/// Block number `block`, one at a time: what random_block() returns.
LASER_HOST_DEVICE inline PhiloxBlock philox_block(const PhiloxSchedule& s, std::uint32_t block) {
  const auto high = [](std::uint64_t product) { return static_cast<std::uint32_t>(product >> 32); };
  const auto low = [](std::uint64_t product) { return static_cast<std::uint32_t>(product); };
  std::uint64_t product0 = std::uint64_t{kPhiloxMultiplier0} * block;
  std::uint64_t product1 = std::uint64_t{kPhiloxMultiplier1} * (high(product0) ^ s.round1_counter2);
  const std::uint32_t round2_x0 = high(product1) ^ s.round2_counter0;
  const std::uint32_t round2_x1 = low(product1);
  const std::uint32_t round2_x2 = low(product0) ^ s.round2_counter2;
  product0 = std::uint64_t{kPhiloxMultiplier0} * round2_x0;
  product1 = std::uint64_t{kPhiloxMultiplier1} * round2_x2;
  PhiloxBlock x = {high(product1) ^ round2_x1 ^ s.key0[2], low(product1), high(product0) ^ s.round3_counter2,
                   low(product0)};
  for (std::size_t round = 3; round < kPhiloxRounds; ++round) {
    product0 = std::uint64_t{kPhiloxMultiplier0} * x[0];
    product1 = std::uint64_t{kPhiloxMultiplier1} * x[2];
    x = {high(product1) ^ x[1] ^ s.key0[round], low(product1), high(product0) ^ x[3] ^ s.key1[round],
         low(product0)};
  }
  return x;
}

}  // namespace laser
