// What an experiment sends before any of it is trained: the model's tensors, the symbols of a round, and with
// them the signal-to-noise ratio of a power and the power of a ratio (link/units.hpp).
//
// Side information is not counted (spec 1.2), and neither are pilots: the channels get them for nothing.
#pragma once

#include <string>

#include "laser/core/layout.hpp"
#include "laser/train/experiment.hpp"

namespace laser {

/// The tensors of the task's model, as the task itself lists them; its data are read only where they
/// are the user's own.
[[nodiscard]] Layout layout_of(const Experiment& experiment);

/// D: real symbols that a worker sends in a round, the mean of even and odd rounds where they differ
/// (transport `alternating`, spec 2.4); over a digital link those that all workers share. Throws Error
/// (configuration) where an option of the compressor is out of range.
[[nodiscard]] double symbols_a_round(const Experiment& experiment, const Layout& layout);

/// P that gives the symbols of `layout` the ratio `experiment.snr_db` on average. Throws Error
/// (configuration) where that is no number from -200 to 200.
[[nodiscard]] double power_of_ratio(const Experiment& experiment, const Layout& layout);

/// A line for people: P, SNR in decibels and symbols a round; without noise the symbols alone.
[[nodiscard]] std::string transmission_legend(const Experiment& experiment, const Layout& layout);

}  // namespace laser
