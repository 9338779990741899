#include "laser/core/fail.hpp"

namespace laser {

void internal_failure(const char* condition, const char* file, int line) {
  throw std::logic_error(fmt::format("internal check failed: {} ({}:{})", condition, file, line));
}

}  // namespace laser
