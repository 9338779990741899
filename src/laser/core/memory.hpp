// How the process holds memory that it has freed.
#pragma once

#include <cstddef>

namespace laser {

/// Keeps freed memory in the process instead of giving it back to the system (glibc; elsewhere it does
/// nothing). Training frees and takes the same hundreds of megabytes in every round, and fetching them from
/// the system anew costs a sixth of a small network's time. Called once, by a program's start.
void keep_freed_memory();

/// Asks the system for large pages (2 MiB) where whole ones lie in the memory; called before it is first
/// written to. They spare the processor most look-ups of addresses and the system most faults (Linux, where
/// /sys/kernel/mm/transparent_hugepage/enabled says madvise or always; elsewhere it does nothing).
void ask_for_large_pages(void* first, std::size_t bytes);

/// Gives back to the system what is free at this moment, as after data have been read.
void release_freed_memory();

}  // namespace laser
