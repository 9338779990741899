// A whole file as read-only bytes without reading it: the system loads the pages that are looked at.
//
// For files that are replaced, never changed in place: what another process cuts off while it is mapped ends
// in SIGBUS. All files of this program are replaced by rename, which leaves the old mapping intact.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace laser {

class MappedFile {
 public:
  /// Maps the file. Throws Error (data) with the path and the reason if it can't be read or is
  /// not a plain file.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  MappedFile& operator=(MappedFile&&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace laser
