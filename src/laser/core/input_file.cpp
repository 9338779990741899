#include "laser/core/input_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "laser/core/fail.hpp"
#include "laser/core/system_call.hpp"

namespace laser {

bool is_there(const std::string& path, ExitCode code) {
  struct stat status {};
  if (uninterrupted([&] { return stat(path.c_str(), &status); }) == 0) return true;
  if (errno != ENOENT && errno != ENOTDIR) fail(code, "cannot read {}: {}", path, system_reason(errno));
  return false;
}

InputFile::InputFile(std::string path, ExitCode code)
    : path_(std::move(path)),
      code_(code),
      // Without O_NONBLOCK a pipe of that name would wait for a writer.
      descriptor_(uninterrupted([&] { return open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); })) {
  if (descriptor_ < 0) refuse(system_reason(errno));
  struct stat status {};
  std::string reason;
  if (fstat(descriptor_, &status) != 0) reason = system_reason(errno);
  if (reason.empty() && !S_ISREG(status.st_mode))
    reason = S_ISDIR(status.st_mode) ? "it is a folder" : "it is not a plain file";
  if (!reason.empty()) {
    close(descriptor_);
    refuse(reason);
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

InputFile::~InputFile() { close(descriptor_); }

void InputFile::refuse(const std::string& reason) const { fail(code_, "cannot read {}: {}", path_, reason); }

void InputFile::read(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const auto count = uninterrupted([&] { return ::read(descriptor_, bytes.data(), bytes.size()); });
    if (count < 0) refuse(system_reason(errno));
    if (count == 0) refuse("it was cut short while it was read");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

std::string InputFile::text(std::uint64_t limit) {
  if (size_ > limit) fail(code_, "{} has {} bytes, more than {}", path_, size_, limit);
  std::string content(static_cast<std::size_t>(size_), '\0');
  read(std::as_writable_bytes(std::span(content)));
  return content;
}

}  // namespace laser
