// How long what a worker computes waits before all of it acts, part by part: averages, error memories, values
// that are held. One delay only slows a run; two and a step (an integrator) make an oscillator, which is
// stable only for small steps, or with the lead (docs/swept.md, T3; theory/delays.hpp has the threshold).
// This adds up what a configuration asks for; it measures nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "laser/aggregate/algorithm.hpp"
#include "laser/core/layout.hpp"

namespace laser {

/// A part that delays.
struct Delay {
  std::string setting;  // "worker_momentum = 0.99"
  double rounds = 0;    // mean age of what it hands on, in rounds
};

/// Rounds that the error memory of a method of factors lags in the model's largest tensor that is compressed
/// (compress/lag.hpp); nothing where there is no such memory. Throws as delays_of().
std::optional<double> memory_lag(const Algorithm& algorithm, const Layout& layout);

/// The delays of an algorithm on a model, by its largest tensor that is compressed; the longest first. Those
/// below a round are left out. Throws Error (configuration) for a value that validate() refuses.
std::vector<Delay> delays_of(const Algorithm& algorithm, const Layout& layout);

/// What there is to say of the delays: one line where workers average or hold, delays of two rounds and more
/// meet, and the lead is below the least that keeps them stable at every step size, tau2/(tau1 + tau2) with
/// tau1 the longest and tau2 the sum of the others; empty elsewhere. `server_momentum` is the optimizer's.
std::string lag_note(const Algorithm& algorithm, const Layout& layout, double server_momentum);

}  // namespace laser
