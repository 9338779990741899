// The most memory that a piece of work adds to this process.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace laser::bench {

/// Bytes by which the resident memory peaks over its size before `work`; nothing where the system
/// cannot say (Linux: /proc/self/clear_refs).
std::optional<std::int64_t> peak_extra_bytes(const std::function<void()>& work);

}  // namespace laser::bench
