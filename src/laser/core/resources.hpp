// Where the files that ship with the program are: configs/, data/, python/.
#pragma once

#include <filesystem>

namespace laser {

/// $LASER_HOME if set, else <prefix>/share/laser beside an installed program, else the source tree that it
/// was built from. Throws Error (data) if none of them exists.
std::filesystem::path resource_root();

}  // namespace laser
