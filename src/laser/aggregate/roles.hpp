// All tables of named parts and methods as one list, for whoever shows them.
#pragma once

#include <string>
#include <vector>

#include "laser/core/part.hpp"

namespace laser {

/// A role: the setting that chooses who plays it, and those who can.
struct Role {
  std::string setting;  // "compressor"
  std::string plural;
  std::string sentence;
  std::vector<PartRow> rows;
};

/// Methods, compressors, feedbacks, receivers, channels, allocations, server rules.
std::vector<Role> roles();

}  // namespace laser
