// The kinds of known answers that are formulas: alpha_beta rank_alloc lambda policy lr_onecycle lr_multistep
// volume noise_std theory channel_ext (spec 9).
#pragma once

#include "kind_table.hpp"

namespace laser::known_answers {

/// The table of these kinds.
[[nodiscard]] KindTable scalar_kinds();

}  // namespace laser::known_answers
