// Running a Python that draws, without a shell and without what the user's own Python work has
// put into the environment.
#pragma once

#include <string>
#include <vector>

namespace laser {

struct PythonOutcome {
  int error_number = 0;  // it could not be started
  int status = 0;        // as of waitpid
  std::string output;    // the end of stdout and stderr
  [[nodiscard]] bool succeeded() const { return error_number == 0 && status == 0; }
  /// Why it failed, in one line; `python` is what was to be started.
  [[nodiscard]] std::string failure(const std::string& python) const;
  /// The module that Python did not find, or "".
  [[nodiscard]] std::string missing_module() const;
};

/// Runs `python arguments...` to its end, in the folder `folder` (empty: here) and with stdin empty. It sees
/// no PYTHON..., MPL... and MATPLOTLIB... variables: matplotlib draws into files with its own defaults. Where
/// a module is missing then, and the user has a PYTHONPATH, it is tried once more with that.
PythonOutcome run_python(const std::string& python, const std::vector<std::string>& arguments,
                         const std::string& folder = "");

}  // namespace laser
