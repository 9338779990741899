// Calls to the operating system that a signal or a full disk can interrupt.
#pragma once

#include <cerrno>
#include <string>

namespace laser {

/// Makes the call again as long as a signal interrupts it: `call` returns -1 and sets errno, as open, fsync
/// and rename do. Not for close, after which Linux has given up the descriptor even so.
template <class Call>
auto uninterrupted(Call&& call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

/// Whether this open file is now locked for its holder alone, until it is closed: false where another holds
/// it. A file system that knows no locks is taken at its word: true.
[[nodiscard]] bool lock_file(int descriptor);

/// The system's text for an errno value.
std::string system_reason(int error_number);

}  // namespace laser
