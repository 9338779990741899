// One reading of a damaged file, with its time and memory measured.
#pragma once

#include <cstddef>
#include <string>

#include "targets.hpp"

namespace laser::hostile {

/// What a reader made of a file.
struct Outcome {
  bool refused = false;
  std::string fault;  // empty unless it did something else than read or refuse, or took too long or too much
  double seconds = 0;
  std::size_t bytes = 0;  // most memory from operator new at one time
};

/// 1, or LASER_MOST_SECONDS: a build that counts every line is several times slower.
double most_seconds();
inline constexpr std::size_t kMostBytes = std::size_t{64} << 20;  // beside the file's own

/// Reads the file. Never throws.
Outcome read(const Target& target, const Workplace& workplace, const std::string& bytes);

}  // namespace laser::hostile
