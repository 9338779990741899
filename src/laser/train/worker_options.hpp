// The settings that make workers, links and shards differ: one group of the list of options (experiment.hpp).
#pragma once

#include "laser/train/experiment.hpp"

namespace laser {

/// Fading, unequal power, absence and a noisy downlink; they follow the channel.
void describe_links(OptionList& list, Experiment& experiment);

/// Who has which examples, and what is held out of training.
void describe_shards(OptionList& list, Experiment& experiment);

/// What workers do between two rounds: gradients, or steps of their own.
void describe_local_work(OptionList& list, Experiment& experiment);

/// Throws Error (configuration) where these settings don't go together with the others.
void validate_workers(const Experiment& experiment);

}  // namespace laser
