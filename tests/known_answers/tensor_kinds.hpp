// The kinds of known answers that run compressors and channels on tensors: compress_two_phase
// compress_alternating compress_one_shot two_phase_given_noise zsgd_given_noise sketch_randomk (spec 9).
#pragma once

#include "kind_table.hpp"

namespace laser::known_answers {

/// The table of these kinds.
[[nodiscard]] KindTable tensor_kinds();

}  // namespace laser::known_answers
