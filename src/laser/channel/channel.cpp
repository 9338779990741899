#include "laser/channel/channel.hpp"

#include "laser/channel/awgn.hpp"
#include "laser/channel/noiseless.hpp"
#include "laser/core/error.hpp"

namespace laser {

const std::vector<ChannelEntry>& channels() {
  static const std::vector<ChannelEntry> table{
      {"awgn", "noisy multiple-access channel y = sum x_i + Z (the paper's)",
       [] { return std::unique_ptr<Channel>(std::make_unique<Awgn>()); }},
      {"noiseless", "exact mean, no power limit",
       [] { return std::unique_ptr<Channel>(std::make_unique<Noiseless>()); }},
  };
  return table;
}

std::unique_ptr<Channel> make_channel(const std::string& name) {
  std::string known;
  for (const auto& entry : channels()) {
    if (entry.name == name) return entry.make();
    known += (known.empty() ? "" : ", ") + entry.name;
  }
  fail(ExitCode::kConfiguration, "channel = '{}' is unknown; choose one of {}", name, known);
}

}  // namespace laser
