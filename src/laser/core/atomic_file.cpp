#include "laser/core/atomic_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <utility>

#include "laser/core/fail.hpp"
#include "laser/core/system_call.hpp"

namespace laser {
namespace {

// Without this a power cut can forget the rename although the file itself is on the disk.
void sync_folder_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const std::string folder = parent.empty() ? "." : parent;
  const int descriptor =
      uninterrupted([&] { return open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (descriptor < 0) fail(ExitCode::kIo, "{}: {}", folder, system_reason(errno));
  const int result = uninterrupted([&] { return fsync(descriptor); });
  const int error_number = errno;
  close(descriptor);
  // EINVAL: a file system that can't sync folders; the file itself is safe.
  if (result != 0 && error_number != EINVAL)
    fail(ExitCode::kIo, "{}: {}", folder, system_reason(error_number));
}

/// Removes temporary files of `path` whose writers were killed before they could: their number is no process
/// of this machine any more.
void remove_leftovers(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path place(path), folder = place.has_parent_path() ? place.parent_path() : fs::path(".");
  const std::string prefix = place.filename().string() + ".tmp-";
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    pid_t writer = 0;
    if (!name.starts_with(prefix)) continue;
    const char* last = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data() + prefix.size(), last, writer);
    if (error != std::errc() || stop != last || writer <= 0) continue;
    if (kill(writer, 0) != 0 && errno == ESRCH) unlink(entry->path().c_str());
  }
}

}  // namespace

bool write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written == 0) errno = ENOSPC;  // no progress and no reason
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void create_folders(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error && std::filesystem::is_directory(folder, error)) return;
  const std::string reason = error ? error.message() : "a file is in the way";
  fail(ExitCode::kIo, "{}: can't create the folder: {}. HINT: choose another --out", folder, reason);
}

AtomicFile::AtomicFile(std::string path, std::uint64_t bytes)
    : path_(std::move(path)),
      temporary_(path_ + ".tmp-" + std::to_string(getpid())),
      bytes_(bytes),
      descriptor_(uninterrupted(
          [&] { return open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666); })) {
  check(descriptor_ >= 0);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::check(bool succeeded) const {
  if (!succeeded) fail(ExitCode::kIo, "{}: can't write {} bytes: {}", path_, bytes_, system_reason(errno));
}

void AtomicFile::write(std::span<const std::byte> piece) {
  position_ += piece.size();
  bytes_ = std::max(bytes_, position_);
  check(write_all(descriptor_, {reinterpret_cast<const char*>(piece.data()), piece.size()}));
}

void AtomicFile::write_at_start(std::span<const std::byte> piece) {
  check(lseek(descriptor_, 0, SEEK_SET) == 0);
  check(write_all(descriptor_, {reinterpret_cast<const char*>(piece.data()), piece.size()}));
  check(lseek(descriptor_, 0, SEEK_END) >= 0);
}

void AtomicFile::commit() {
  check(uninterrupted([&] { return fsync(descriptor_); }) == 0);
  check(close(std::exchange(descriptor_, -1)) == 0 || errno == EINTR);
  check(uninterrupted([&] { return rename(temporary_.c_str(), path_.c_str()); }) == 0);
  temporary_.clear();
  sync_folder_of(path_);
  remove_leftovers(path_);
}

void write_file_atomically(const std::string& path, std::string_view text) {
  AtomicFile file(path, text.size());
  file.write(std::as_bytes(std::span(text)));
  file.commit();
}

}  // namespace laser
