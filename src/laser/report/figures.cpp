#include "laser/report/figures.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "laser/core/atomic_file.hpp"
#include "laser/core/collect.hpp"
#include "laser/core/system_call.hpp"

// POSIX leaves its declaration to the program.
extern char** environ;

namespace laser {
namespace {

struct Outcome {
  int error_number = 0;  // it could not be started
  int status = 0;        // as of waitpid
  std::string output;    // the end of stdout and stderr
};

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

Outcome run_process(std::vector<std::string> arguments) {
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return {errno, 0, ""};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);
  auto argv = collect(arguments, [](std::string& argument) { return argument.data(); });
  argv.push_back(nullptr);
  pid_t child = 0;
  Outcome outcome;
  outcome.error_number = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
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

std::string last_line(std::string text) {
  text.erase(text.find_last_not_of(" \n") + 1);
  return text.substr(text.rfind('\n') + 1);
}

std::string failure(const Outcome& outcome, const std::string& python) {
  if (outcome.error_number != 0) return fmt::format("{}: {}", python, system_reason(outcome.error_number));
  const std::string line = last_line(outcome.output);
  if (WIFSIGNALED(outcome.status))
    return fmt::format("{} was ended by signal {}", python, WTERMSIG(outcome.status));
  return line.empty() ? fmt::format("{} exited with {}", python, WEXITSTATUS(outcome.status)) : line;
}

}  // namespace

std::vector<Figure> known_figures(const std::string& quantity) {
  return {
      {quantity + "_over_power",
       "Mean over the seeds at each power budget; the band is one sample standard deviation to each "
       "side, open "
       "markers are the paper's values, the dashed line is training without noise."},
      {quantity + "_beside_paper",
       "Ours and the paper's own figure. Where its model is larger, its power is divided by the square of "
       "the ratio of the widths, so that equal power per parameter stands at equal places."},
      {quantity + "_over_epochs",
       "Mean over the seeds after each epoch, one panel for each power budget; the band is one sample "
       "standard "
       "deviation to each side, the dashed line is training without noise."},
      {"gradient_spectra",
       "Share of the squared norm of each tensor's average gradient in its largest singular values after "
       "each epoch; open markers are the paper's values of three tensors of its larger model."}};
}

DrawingResult draw_figures(const std::vector<Figure>& figures, const std::string& python,
                           const std::string& script, const std::string& summary_json,
                           const std::string& folder) {
  std::string names;
  for (const Figure& figure : figures) {
    for (const char* ending : {".svg", ".png"}) {
      std::error_code ignored;
      std::filesystem::remove(folder + "/" + figure.name + ending, ignored);
    }
    names += (names.empty() ? "" : ", ") + figure.name;
  }
  std::string reason = "no Python interpreter was given";
  if (!python.empty()) {
    const Outcome outcome = run_process({python, script, summary_json, folder});
    if (outcome.error_number == 0 && outcome.status == 0) return {.drawn = true, .reason = ""};
    reason = failure(outcome, python);
  }
  const std::string interpreter = python.empty() ? "python3" : python;
  return {false,
          fmt::format("Figures not drawn ({}): {}. HINT: {} -m pip install matplotlib, then {} {} {} {}",
                      names, reason, interpreter, interpreter, script, summary_json, folder)};
}

}  // namespace laser
