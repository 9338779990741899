#include "laser/core/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "laser/core/fail.hpp"
#include "laser/core/system_call.hpp"

namespace laser {

MappedFile::MappedFile(const std::string& path) {
  const auto refuse = [&](const std::string& reason) {
    fail(ExitCode::kData, "cannot read {}: {}", path, reason);
  };
  // Without O_NONBLOCK a pipe of that name would wait for a writer.
  const int descriptor = uninterrupted([&] { return open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); });
  if (descriptor < 0) refuse(system_reason(errno));
  struct stat status {};
  std::string reason;
  if (fstat(descriptor, &status) != 0) reason = system_reason(errno);
  if (reason.empty() && !S_ISREG(status.st_mode))
    reason = S_ISDIR(status.st_mode) ? "it is a folder" : "it is not a plain file";
  const auto size = static_cast<std::size_t>(status.st_size);
  if (reason.empty() && size > 0) {  // an empty file can't be mapped
    void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address == MAP_FAILED) {
      reason = system_reason(errno);
    } else {
      bytes_ = {static_cast<const std::byte*>(address), size};
    }
  }
  close(descriptor);
  if (!reason.empty()) refuse(reason);
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

}  // namespace laser
