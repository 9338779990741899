// How the library throws: fail() with a formatted text, and LASER_CHECK, whose failure is our bug and exits
// with 70. Not public, as it brings fmt; who uses the library throws laser::Error itself.
#pragma once

#include <fmt/format.h>

#include <utility>

#include "laser/core/error.hpp"

namespace laser {

/// Throws Error(code) with a text formatted as by fmt::format.
template <class... Args>
[[noreturn]] void fail(ExitCode code, fmt::format_string<Args...> text, Args&&... args) {
  throw Error(code, fmt::format(text, std::forward<Args>(args)...));
}

/// Throws std::logic_error: a condition that only our own bug can break.
[[noreturn]] void internal_failure(const char* condition, const char* file, int line);

}  // namespace laser

#define LASER_CHECK(condition) \
  ((condition) ? (void)0 : ::laser::internal_failure(#condition, __FILE__, __LINE__))
