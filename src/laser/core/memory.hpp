// How the process holds memory that it has freed.
#pragma once

namespace laser {

/// Keeps freed memory in the process instead of giving it back to the system (glibc; elsewhere it does
/// nothing). Training frees and takes the same hundreds of megabytes in every round, and fetching them from
/// the system anew costs a sixth of a small network's time. Called once, by a program's start.
void keep_freed_memory();

/// Gives back to the system what is free at this moment, as after data have been read.
void release_freed_memory();

}  // namespace laser
