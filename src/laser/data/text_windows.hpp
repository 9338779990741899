// Windows of a long sequence of tokens: what a language model sees at a time, and where it is cut out.
//
// Training and the paper's evaluation draw windows uniformly and with replacement from the whole
// text (spec 5, E1). Where they begin is a function of their address (core/random.hpp): nothing to
// save, nothing to restore.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "laser/core/random.hpp"
#include "laser/data/byte_pair_vocabulary.hpp"

namespace laser {

/// The stream of a worker's windows in one accumulation step of a round.
[[nodiscard]] StreamKey training_windows(std::uint64_t seed, std::int64_t round, std::int64_t step,
                                         std::int64_t worker);

/// The stream of one batch of windows of an evaluation; no training window has it.
[[nodiscard]] StreamKey evaluation_windows(std::uint64_t seed, std::int64_t batch);

/// First tokens of `count` windows of `length` inputs each, uniform over 0 .. tokens - length - 1: every
/// window has a target for its last input. Throws Error (data) if the text has no window.
[[nodiscard]] std::vector<std::int64_t> draw_windows(std::int64_t tokens, std::int64_t length,
                                                     std::int64_t count, const StreamKey& key);

/// First tokens of the windows that follow one another through the whole text; what is left at the end is
/// dropped. Throws Error (data) if the text has no window.
[[nodiscard]] std::vector<std::int64_t> consecutive_windows(std::int64_t tokens, std::int64_t length);

/// Writes the windows' tokens to `inputs` and those one place further to `targets`, [starts, length] each.
void copy_windows(std::span<const Token> tokens, std::span<const std::int64_t> starts, std::int64_t length,
                  std::span<std::int64_t> inputs, std::span<std::int64_t> targets);

}  // namespace laser
