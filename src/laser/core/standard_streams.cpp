#include "laser/core/standard_streams.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "laser/core/system_call.hpp"

namespace laser {

void open_standard_streams() {
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (fcntl(stream, F_GETFD) >= 0 || errno != EBADF) continue;
    // The system gives the lowest free number, which is this one.
    (void)uninterrupted([] { return open("/dev/null", O_RDWR); });
  }
}

bool reader_is_gone(int descriptor) {
  pollfd entry{descriptor, POLLOUT, 0};
  return uninterrupted([&] { return poll(&entry, 1, 0); }) > 0 && (entry.revents & (POLLERR | POLLHUP)) != 0;
}

}  // namespace laser
