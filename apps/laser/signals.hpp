// The signals that ask a program to end: the first asks to finish the round and save.
#pragma once

namespace laser {

/// A pipe without a reader and a limit on file sizes become errors of write. Called by a program's start.
void make_write_signals_errors();

/// From here on SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 and SIGXCPU are told by `stop_signal` instead of
/// ending the program; a second SIGINT or SIGTERM ends it at once. One that was ignored when the program was
/// started (a background job, nohup) stays ignored. For commands that ask `stop_signal` as they go.
void catch_stop_signals();

/// The signal that asked to stop, or 0.
int stop_signal();

/// Ends the program as a reader that has gone ends a Unix program, by SIGPIPE; comes back where that signal
/// was ignored when the program was started.
void end_by_broken_pipe();

}  // namespace laser
