#include "laser/core/system_call.hpp"

#include <sys/file.h>

#include <system_error>

namespace laser {

bool lock_file(int descriptor) {
  return uninterrupted([&] { return flock(descriptor, LOCK_EX | LOCK_NB); }) == 0 || errno != EWOULDBLOCK;
}

std::string system_reason(int error_number) { return std::generic_category().message(error_number); }

}  // namespace laser
