// Which of some random words lie below a threshold: the inner loops of sample_without_replacement().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace laser {

/// How many words are below `low`, and how many from there on are below `high` (both up to 2^32); the places
/// of the latter go to `between`, ascending, which must hold words.size() numbers.
std::pair<std::size_t, std::size_t> tally_words(std::span<const std::uint32_t> words, std::uint64_t low,
                                                std::uint64_t high, std::uint32_t* between);

/// Writes the places of words <= limit to `places`, ascending; returns how many. `places` must hold
/// words.size() numbers, all of which may be written.
std::size_t words_up_to(std::span<const std::uint32_t> words, std::uint32_t limit, std::uint32_t* places);

}  // namespace laser
