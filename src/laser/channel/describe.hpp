// What the options of channels may be.
#pragma once

#include <string>

#include "laser/channel/link_options.hpp"

namespace laser {

class OptionList;

/// The option `channel` with the names of all channels: the one home for the command, its
/// configurations and make_channel().
void describe_channel(OptionList& list, std::string& channel);

/// The options of the channels with fading, likewise; which of them matter depends on `channel`.
void describe_link(OptionList& list, const std::string& channel, LinkOptions& options);

}  // namespace laser
