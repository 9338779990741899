// How many rounds the error memory of a low-rank method lags behind: what one round's worth of gradient
// waits, on average, before it has been sent.
//
// A message without structure that the basis does not know about loses the fraction delta of its energy to
// what is sent: r/m where the rows are projected on r directions, r/n where the columns are, and 1 - (1 -
// r/m)(1 - r/n) where both factors go out in one round. Feedback keeps the rest, so that the memory is the
// sum of about 1/delta rounds: that is the lag. It does not shrink with the width of a model whose rank
// shrinks alike, and a run of few lags shows only the transient of the method (spec 5.3). Gradients of low
// rank, which the basis follows, are sent sooner: the lag is a property of shapes, not a measurement.
#pragma once

#include <cstdint>

#include "laser/core/layout.hpp"

namespace laser {

/// Which factors of a low-rank message are sent in one round (spec 2.4).
enum class FactorsPerRound {
  one,   // transport `alternating`: the right factor in even rounds, the left one in odd rounds
  both,  // the other transports
};

/// Lag of the error memory of a rows x columns matrix at rank r, in rounds, at least 1: 2/(r/m + r/n) with
/// one factor a round, 1/(1 - (1 - r/m)(1 - r/n)) with both (spec 5.3). Throws Error (configuration) unless
/// 1 <= rank <= min(rows, columns).
[[nodiscard]] double error_memory_lag(std::int64_t rows, std::int64_t columns, std::int64_t rank,
                                      FactorsPerRound factors = FactorsPerRound::one);

/// The same for a model: the lag of its largest tensor (most numbers, the first of equals) among those that
/// are compressed by rule `saves` (spec 2.1), with r_l = min(r, m, n); 0 if none is, for then nothing is kept
/// back. Throws Error (configuration) on a rank below 1.
[[nodiscard]] double error_memory_lag(const Layout& layout, std::int64_t rank,
                                      FactorsPerRound factors = FactorsPerRound::one);

}  // namespace laser
