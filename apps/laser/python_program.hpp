// A Python program in the place of this process.
#pragma once

#include <string>
#include <vector>

namespace laser {

/// Becomes the program words[0] with the other words as its arguments. Throws Error (I/O)
/// where it can't start.
[[noreturn]] void become_python(std::vector<std::string> words);

}  // namespace laser
