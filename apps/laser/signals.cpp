#include "signals.hpp"

#include <unistd.h>

#include <csignal>

namespace laser {
namespace {

volatile std::sig_atomic_t caught = 0;
bool pipe_was_ignored = false;

void on_signal(int signal) {
  // The others may come again by themselves: the kernel repeats SIGXCPU every second, and a terminal that
  // closes and its shell both send SIGHUP.
  if (caught != 0 && (signal == SIGINT || signal == SIGTERM)) _exit(128 + signal);
  if (caught == 0) caught = signal;
}

}  // namespace

void make_write_signals_errors() {
  pipe_was_ignored = std::signal(SIGPIPE, SIG_IGN) == SIG_IGN;
  std::signal(SIGXFSZ, SIG_IGN);
}

void catch_stop_signals() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU}) {
    struct sigaction before = {};
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    sigaction(signal, &action, nullptr);
  }
}

int stop_signal() { return caught; }

void end_by_broken_pipe() {
  if (pipe_was_ignored) return;
  std::signal(SIGPIPE, SIG_DFL);
  raise(SIGPIPE);
}

}  // namespace laser
