// A plain file that is read once, from its first byte to its last.
//
// For files that may change while they are read (a record that a run still writes, data that a download
// replaces) or that are small; MappedFile is for large ones that are only ever replaced whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "laser/core/error.hpp"

namespace laser {

class InputFile {
 public:
  /// Opens the file. Throws Error(code) with the path and the reason if it can't be read or is
  /// not a plain file.
  explicit InputFile(std::string path, ExitCode code = ExitCode::kData);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// Bytes of the file when it was opened.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Fills `bytes` with what comes next, through interruptions and partial reads. Throws Error(code) with the
  /// path and the reason, also where the file ends before that.
  void read(std::span<std::byte> bytes);
  /// All of the file, which was just opened, as text. Throws Error(code) if it has more than `limit` bytes.
  std::string text(std::uint64_t limit);

 private:
  [[noreturn]] void refuse(const std::string& reason) const;
  std::string path_;
  ExitCode code_;
  int descriptor_;
  std::uint64_t size_ = 0;
};

/// Whether there is something at `path`. Throws Error(code) with the path and the system's reason where that
/// can't be known: no permission, a loop of links, a name that is too long.
[[nodiscard]] bool is_there(const std::string& path, ExitCode code = ExitCode::kData);

}  // namespace laser
