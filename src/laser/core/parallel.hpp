// Loops over independent pieces of work on the threads that LibTorch uses (OpenMP).
//
// Pieces are handed out as threads become free, so what they compute must not depend on who computes it: the
// kernels cut their work by size, never by the number of threads, and add up in the order of the pieces.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

namespace laser {

/// Calls `work(i)` once for each i < count, in any order, on as many threads as OpenMP gives (at::
/// set_num_threads decides). An exception of `work` is passed on after all pieces have been tried. Small
/// loops are better called with `parallel` = false; inside of another such loop there is one thread.
void for_each_piece(std::size_t count, const std::function<void(std::size_t)>& work, bool parallel = true);

/// Called by a piece of work that runs beside others: until it ends, omp_get_max_threads() is 1 for it.
/// oneDNN plans with that number even where it then gets a single thread, and some of its convolutions wait
/// at a barrier for the others: such a piece would never end.
void use_one_thread();

/// Calls `work(i)` once for each size: for large ones (in numbers) one after another, each free to use all
/// threads, then for the small ones side by side.
void for_each_by_size(std::span<const std::size_t> sizes, const std::function<void(std::size_t)>& work);

}  // namespace laser
