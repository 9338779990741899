#include "laser/bench/hook_peer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "laser/core/fail.hpp"

// POSIX leaves its declaration to the program.
extern char** environ;

namespace laser::bench {

HookPeer::HookPeer(const std::string& python, const std::string& script, const Layout& layout,
                   std::int64_t rank, int threads) {
  // A socket, because writing to one whose other end is gone can be an error instead of a signal.
  std::array<int, 2> requests{}, answers{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, requests.data()) != 0 ||
      pipe2(answers.data(), O_CLOEXEC) != 0) {
    fail(ExitCode::kIo, "cannot make a pipe: {}", std::strerror(errno));
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, requests[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, answers[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, answers[1], STDERR_FILENO);
  std::array<std::string, 2> words{python, script};
  std::array<char*, 3> argv{words[0].data(), words[1].data(), nullptr};
  const int error = posix_spawnp(&child_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(requests[1]);
  close(answers[1]);
  to_child_ = requests[0];
  from_child_ = answers[0];
  if (error != 0) {
    child_ = 0;
    fail(ExitCode::kIo, "cannot start {}: {}", python, std::strerror(error));
  }
  std::string sizes;
  for (const auto& layer : layout.layers) {
    sizes += fmt::format("{}[{}, {}]", sizes.empty() ? "" : ", ", layer.rows, layer.columns);
  }
  send(fmt::format("{{\"sizes\": [{}], \"rank\": {}, \"threads\": {}}}\n", sizes, rank, threads));
  std::string last;
  for (std::string text = line(); text != "ready"; text = line()) {
    if (text.empty()) fail(ExitCode::kIo, "{}: {}", python, last);
    last = text;
  }
}

HookPeer::~HookPeer() {
  close(to_child_);
  close(from_child_);
  if (child_ == 0) return;
  while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

double HookPeer::run() {
  send("run\n");
  const auto answer = line();
  char* end = nullptr;
  const double seconds = std::strtod(answer.c_str(), &end);
  if (answer.empty() || *end != '\0') fail(ExitCode::kIo, "powerSGD_hook failed: {}", answer);
  return seconds;
}

/// The next line that the child wrote, without its end; empty where the child has ended.
std::string HookPeer::line() {
  for (;;) {
    const auto end = received_.find('\n');
    if (end != std::string::npos) {
      auto text = received_.substr(0, end);
      received_.erase(0, end + 1);
      if (!text.empty()) return text;
      continue;
    }
    std::array<char, 1024> buffer{};
    const auto count = read(from_child_, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return {};
    received_.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

void HookPeer::send(const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const auto count = ::send(to_child_, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // the missing answer will tell
    done += static_cast<std::size_t>(count);
  }
}

}  // namespace laser::bench
