#include "laser/report/python_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "laser/core/collect.hpp"
#include "laser/core/system_call.hpp"

// POSIX leaves its declaration to the program.
extern char** environ;

namespace laser {
namespace {

using Environment = std::vector<std::string>;

Environment clean_environment() {
  Environment kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    const bool users =
        variable.starts_with("PYTHON") || variable.starts_with("MPL") || variable.starts_with("MATPLOTLIB");
    if (!users) kept.emplace_back(variable);
  }
  kept.emplace_back("MPLBACKEND=Agg");
  kept.emplace_back("MATPLOTLIBRC=/dev/null");  // an empty one: the user's own could ask for LaTeX, say
  return kept;
}

std::string read_to_end(int descriptor) {
  constexpr std::size_t kKept = 4096;
  std::string text;
  std::array<char, 1024> buffer{};
  for (;;) {
    const ssize_t count = read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > kKept) text.erase(0, text.size() - kKept);
  }
}

PythonOutcome run_process(std::vector<std::string> arguments, Environment environment,
                          const std::string& folder) {
  PythonOutcome outcome;
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) {
    outcome.error_number = errno;
    return outcome;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);
  if (!folder.empty()) posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  // Signals that this program ignores or catches are the child's own business again.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t defaults;
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGXFSZ);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  const auto pointers = [](std::vector<std::string>& texts) {
    auto result = collect(texts, [](std::string& text) { return text.data(); });
    result.push_back(nullptr);
    return result;
  };
  const auto argv = pointers(arguments), variables = pointers(environment);
  pid_t child = 0;
  outcome.error_number = posix_spawnp(&child, argv[0], &actions, &attributes, argv.data(), variables.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  if (outcome.error_number == 0) {
    outcome.output = read_to_end(pipe_ends[0]);
    while (waitpid(child, &outcome.status, 0) < 0 && errno == EINTR) {
    }
  }
  close(pipe_ends[0]);
  return outcome;
}

}  // namespace

std::string PythonOutcome::failure(const std::string& python) const {
  if (error_number != 0) return fmt::format("{}: {}", python, system_reason(error_number));
  auto text = output;
  text.erase(text.find_last_not_of(" \n") + 1);
  const auto line = text.substr(text.rfind('\n') + 1);
  if (WIFSIGNALED(status)) return fmt::format("{} was ended by signal {}", python, WTERMSIG(status));
  return line.empty() ? fmt::format("{} exited with {}", python, WEXITSTATUS(status)) : line;
}

std::string PythonOutcome::missing_module() const {
  constexpr std::string_view kText = "No module named '";
  const auto found = output.rfind(kText);
  if (found == std::string::npos) return "";
  const auto name = output.substr(found + kText.size());
  return name.substr(0, name.find_first_of("'."));
}

PythonOutcome run_python(const std::string& python, const std::vector<std::string>& arguments,
                         const std::string& folder) {
  auto words = arguments;
  words.insert(words.begin(), python);
  auto environment = clean_environment();
  auto outcome = run_process(words, environment, folder);
  const char* path = std::getenv("PYTHONPATH");
  if (outcome.succeeded() || outcome.missing_module().empty() || path == nullptr || *path == '\0')
    return outcome;
  environment.push_back(std::string("PYTHONPATH=") + path);
  return run_process(words, environment, folder);
}

}  // namespace laser
