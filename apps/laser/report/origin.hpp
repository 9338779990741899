// Where the numbers of a page come from: the command, the day and the version that made them.
#pragma once

#include <span>
#include <string>

#include "laser/record/schema.hpp"

namespace laser {

struct Origin {
  std::string command;  // as typed; of several how many
  std::string date;     // "2026-11-26", or the first and the last day
  std::string version;  // "0.1.0 (1b2c...)": with the commit; of several all
};

/// Of the runs' own records; what they do not hold is empty.
Origin origin_of(std::span<const Run> runs);

/// Of a command that runs now.
Origin origin_now(const std::string& command, const std::string& version);

}  // namespace laser
