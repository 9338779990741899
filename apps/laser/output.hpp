// What several commands share: arguments in, folders and reports out.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "laser/train/sweep.hpp"

namespace laser {

/// Whether an argument is a setting, key=value, and not a file whose path holds '='.
bool is_assignment(const std::string& item);

/// Whether a setting of a run has this name.
bool is_setting_name(const std::string& name);

/// A message with a hint for each "--key value" or "--key=value" that is no option of the command, and whose
/// key is a setting.
std::vector<std::string> settings_given_as_flags(const CLI::App& command, int argc, const char* const* argv);

/// The settings of "[CONFIG.toml] key=value ...": at most one item is a file, read first.
Settings read_arguments(const std::vector<std::string>& items);

/// A new folder "runs/<name>-<date>-<time>" of this program's own; removed again where nothing
/// was put into it.
class FreshFolder {
 public:
  /// Makes it. Throws Error (I/O).
  explicit FreshFolder(const std::string& name);
  ~FreshFolder();
  FreshFolder(const FreshFolder&) = delete;
  FreshFolder& operator=(const FreshFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Runs the jobs with a progress line; prints failures. Returns the exit code.
int sweep_with_progress(const std::vector<Job>& jobs, SweepOptions options, const std::string& label,
                        bool quiet);

/// The same for one part of a study, in the folder `part` below that of the options: with `resume` what has
/// begun goes on and what has not is new. A run that diverged is a result.
int sweep_part(SweepOptions options, const std::string& part, const std::vector<Job>& jobs, bool quiet);

/// The runs of the jobs, in their order, from the folder of their sweep. Throws Error (data, I/O).
std::vector<Run> runs_of(const std::string& folder, const std::vector<Job>& jobs);

/// Reads the runs below the folders, writes the report into `out` and returns its page.
std::string make_report(const std::vector<std::string>& folders, const std::string& out);

/// Likewise, and prints it.
void print_report(const std::vector<std::string>& folders, const std::string& out, bool json);

/// The axes of a grid, one a line with its meaning.
std::string axes_legend(const std::vector<Axis>& axes);

/// The settings that all runs of a grid share, one a line with its meaning.
std::string settings_legend(const Settings& settings);

}  // namespace laser
