// What to tell of an exception that is no laser::Error.
#pragma once

#include <exception>
#include <string>

#include "laser/core/error.hpp"

namespace laser {

/// One line for the user where memory ran out (std::bad_alloc, or LibTorch's error for a tensor, on a
/// processor or a GPU), or where the system refused a path or a thread; of anything else, which is our bug,
/// all that `error` says.
[[nodiscard]] std::string unexpected_text(const std::exception& error);

/// The exit code that goes with it.
[[nodiscard]] ExitCode unexpected_code(const std::exception& error);

}  // namespace laser
