#include "python_program.hpp"

#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/system_call.hpp"

namespace laser {

void become_python(std::vector<std::string> words) {
  auto pointers = collect(words, [](std::string& word) { return word.data(); });
  pointers.push_back(nullptr);
  std::cout.flush();
  execvp(pointers[0], pointers.data());
  fail(ExitCode::kIo, "can't start {}: {}. HINT: set LASER_PYTHON to a Python that works", words[0],
       system_reason(errno));
}

}  // namespace laser
