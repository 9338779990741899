#include "laser/core/part.hpp"

#include "laser/core/fail.hpp"

namespace laser {

void fail_unknown(const std::string& role, const std::string& name, const std::string& known) {
  fail(ExitCode::kConfiguration, "{} = '{}' is unknown; choose one of {}", role, name, known);
}

}  // namespace laser
