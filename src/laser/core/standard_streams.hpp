// The three streams that a program is started with, which may be closed, full, or read by nobody any more.
#pragma once

namespace laser {

/// Puts /dev/null in the place of every standard stream that is closed. Otherwise the next file that is
/// opened would take its number, and what is meant for the stream would be written into that file. Called
/// first of all, once.
void open_standard_streams();

/// Whether nobody reads what is written there any more: the other end of a pipe or a terminal is closed.
[[nodiscard]] bool reader_is_gone(int descriptor);

}  // namespace laser
