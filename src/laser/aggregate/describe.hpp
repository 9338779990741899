// What the options of a round may be; those of its parts are described beside them.
#pragma once

#include "laser/aggregate/algorithm.hpp"
#include "laser/channel/describe.hpp"
#include "laser/compress/describe.hpp"

namespace laser {

/// The options of the round at the workers and at the receiver, of the channel and the budget, and of who
/// takes part over which links, with what each may be. They and those of the parts are the one home for the
/// command, its configurations and validate().
void describe_round(OptionList& list, Algorithm& algorithm);
void describe_channel(OptionList& list, Algorithm& algorithm);
void describe_links(OptionList& list, Algorithm& algorithm);

}  // namespace laser
