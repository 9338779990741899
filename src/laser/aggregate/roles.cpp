#include "laser/aggregate/roles.hpp"

#include "laser/aggregate/algorithm.hpp"
#include "laser/channel/channel.hpp"
#include "laser/compress/compressor.hpp"
#include "laser/core/collect.hpp"
#include "laser/feedback/feedback.hpp"
#include "laser/power/allocation.hpp"
#include "laser/receive/receiver.hpp"
#include "laser/receive/server_rule.hpp"

namespace laser {
namespace {

template <class Rows>
std::vector<PartRow> rows_of(const Rows& rows) {
  return collect(rows, [](const auto& row) -> PartRow { return row; });
}

}  // namespace

std::vector<Role> roles() {
  return {
      {"method", "methods", "a mix of parts, each of which can be set by itself", rows_of(recipes())},
      {"compressor", "compressors", "what is sent instead of the gradient", rows_of(compressors())},
      {"feedback", "feedbacks", "what workers keep for later", rows_of(feedbacks())},
      {"receiver", "receivers", "what the server does to what it heard", rows_of(receivers())},
      {"channel", "channels", "model of the air", rows_of(channels())},
      {"allocation", "allocations", "how the budget is shared over the tensors", rows_of(allocations())},
      {"server_rule", "server rules", "what becomes of an update before the step", rows_of(server_rules())}};
}

}  // namespace laser
