// SIGINT and SIGTERM: the first asks to finish the round and save, the second ends at once.
#pragma once

namespace laser {

void install_signal_handlers();

/// The signal that asked to stop, or 0.
int stop_signal();

}  // namespace laser
