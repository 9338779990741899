// Writing a whole file so that a crash, a full disk or a power cut leaves the old one or the new
// one, never a half.
//
// Not for logs that grow: RunWriter appends to those a line at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace laser {

/// A file that is written piece by piece beside its place and put there by `commit`; without a commit nothing
/// changes and nothing stays behind.
class AtomicFile {
 public:
  /// Opens a temporary file beside `path`; `bytes` is how many will be written, for the texts of errors (0:
  /// those so far).
  /// Throws Error (I/O) with the path and the system's reason.
  AtomicFile(std::string path, std::uint64_t bytes);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Writes the next piece. Throws Error (I/O) with path, bytes and the system's reason, as when
  /// the disk is full.
  void write(std::span<const std::byte> piece);
  /// Writes over the first bytes, which were written before: a header that is known at the end
  /// only. Throws like `write`.
  void write_at_start(std::span<const std::byte> piece);
  /// fsync, rename to `path`, fsync of the folder; removes what writers of `path` that were killed left
  /// behind. Call it once. Throws Error (I/O) like `write`.
  void commit();

 private:
  void check(bool succeeded) const;
  std::string path_;
  std::string temporary_;
  std::uint64_t bytes_;
  std::uint64_t position_ = 0;  // bytes written so far
  int descriptor_;
};

/// Replaces the file at `path` by `text`: temporary file beside it, fsync, rename, fsync of the folder.
/// Throws Error (I/O) with the path and the system's reason; the file that was there before is then untouched
/// and the temporary file is gone.
void write_file_atomically(const std::string& path, std::string_view text);

/// Creates a folder and its parents where they are missing. Throws Error (I/O) with the path
/// and the system's reason.
void create_folders(const std::string& folder);

/// Writes all of `text` to an open file, through interruptions and partial writes; false with
/// errno set on failure.
bool write_all(int descriptor, std::string_view text);

}  // namespace laser
