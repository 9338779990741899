// The parts of a round: made by name from the tables, or brought by whoever has one of their own.
#pragma once

#include <memory>

#include "laser/aggregate/algorithm.hpp"
#include "laser/channel/channel.hpp"
#include "laser/compress/compressor.hpp"
#include "laser/feedback/feedback.hpp"
#include "laser/power/allocation.hpp"
#include "laser/receive/receiver.hpp"

namespace laser {

/// Who plays which role. A part is stateless and may serve several rounds at once; what lasts between rounds
/// belongs to the aggregator.
struct Parts {
  std::shared_ptr<const Compressor> compressor;
  std::shared_ptr<const Feedback> feedback;
  std::shared_ptr<const Receiver> receiver;
  std::shared_ptr<const Channel> channel;
  std::shared_ptr<const Allocation> allocation;
};

/// The parts that the algorithm names, but for those that are `given`. Throws Error (configuration) for a
/// value that validate() refuses, and where parts that are fine alone don't go together.
[[nodiscard]] Parts make_parts(const Algorithm& algorithm, Parts given = {});

}  // namespace laser
