// One HTTP request of a download: the bytes from an offset on, appended to the part.
// Only download.cpp uses it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace laser {

/// One request and what it may do.
struct Transfer {
  std::string url;
  std::uint64_t offset = 0;  // bytes that are already there
  std::uint64_t bytes = 0;   // of the whole file
  std::chrono::seconds stall{30};
  std::function<void(std::span<const std::byte>)> append;  // may throw
  std::function<bool()> stop;  // asked about once a second or more often; may throw
};

enum class TransferEnd {
  kComplete,  // the server said that this is all
  kStopped,   // `stop` asked for it
  kBroken,    // worth another attempt
  kRefused,   // this mirror does not have the file
};

struct TransferResult {
  TransferEnd end = TransferEnd::kBroken;
  std::string reason;  // for people
};

/// Runs the request. A server that ignores Range is read from its start and the bytes before `offset` passed
/// over. Rethrows what `append` or `stop` threw.
TransferResult run_transfer(const Transfer& transfer);

}  // namespace laser
