// Errors that the user can mend, and the exit codes they end with.
//
// A laser::Error says what is wrong, where, and what to do next. The command catches it once, in
// main. This is not a logging facility.
#pragma once

#include <stdexcept>
#include <string>

namespace laser {

/// Exit codes of the command (docs/reference.md lists them; they are a promise).
enum class ExitCode : int {
  kOk = 0,
  kUsage = 2,          // unknown subcommand, flag or argument
  kConfiguration = 3,  // unknown key, value out of range, impossible combination
  kData = 4,           // missing, damaged or wrong data, known answers, records
  kNonFinite = 5,      // training reached NaN or infinity
  kIo = 6,             // a file or folder can't be written, disk full
  kWorkerLost = 7,
  kBug = 70,
  kInterrupted = 130,  // SIGINT; 128 + number of any other signal that asked to stop
  kTerminated = 143,   // SIGTERM
};

/// The user can mend it. `what()` is one line: what, where, and a HINT with the next step where there is one.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  /// What the command exits with.
  [[nodiscard]] ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

}  // namespace laser
