#include "laser/core/system_call.hpp"

#include <system_error>

namespace laser {

std::string system_reason(int error_number) { return std::generic_category().message(error_number); }

}  // namespace laser
