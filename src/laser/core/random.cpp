#include "laser/core/random.hpp"

namespace laser {

PhiloxBlock philox(PhiloxBlock c, std::array<std::uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(p0)};
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  return c;
}

PhiloxBlock random_block(const StreamKey& key, std::uint32_t block) {
  const auto purpose = static_cast<std::uint32_t>(key.purpose) << 24;
  return philox({block, key.unit, purpose | (key.layer & 0xFFFFFFu), key.round},
                {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)});
}

std::uint32_t random_word(const StreamKey& key, std::uint64_t index) {
  return random_block(key, static_cast<std::uint32_t>(index / 4))[index % 4];
}

double random_uniform(const StreamKey& key, std::uint64_t index) {
  return (static_cast<double>(random_word(key, index)) + 0.5) * 0x1p-32;
}

std::uint32_t random_below(const StreamKey& key, std::uint64_t index, std::uint32_t bound) {
  return static_cast<std::uint32_t>((std::uint64_t{random_word(key, index)} * bound) >> 32);
}

}  // namespace laser
