// Every reader of files from outside, as a function of a file's bytes: for the tests with damaged files and
// for libFuzzer alike.
#pragma once

#include <string>
#include <vector>

namespace laser::hostile {

/// A folder in memory where there is one, removed at the end.
class Workplace {
 public:
  Workplace();
  ~Workplace();
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  [[nodiscard]] const std::string& folder() const { return folder_; }
  /// Writes a file of that name and returns its path.
  std::string put(const std::string& name, const std::string& bytes) const;

 private:
  std::string folder_;
};

/// A reader and what it is fed.
struct Target {
  std::string name;
  std::vector<std::string> seeds;  // small right files
  /// Reads a file of these bytes to its end. Throws Error (data, or configuration) where it is not right.
  void (*read)(const Workplace& workplace, const std::string& bytes);
};

/// All readers.
const std::vector<Target>& targets();

/// A file that must be refused, whatever else.
struct HostileFile {
  std::string target;
  std::string what;
  std::string bytes;
};

/// Headers that lie about sizes, places, types and depth.
std::vector<HostileFile> hostile_files();

}  // namespace laser::hostile
