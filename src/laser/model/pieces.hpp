// A loop over independent pieces of LibTorch work: on the CPU each piece on one thread, several at a time.
//
// Small operations gain nothing from many threads, and what a piece computes does not depend on their number.
#pragma once

#include <ATen/Parallel.h>

#include <cstddef>
#include <exception>
#include <vector>

#include "laser/core/parallel.hpp"

namespace laser {

/// Calls work(i) for each i < count. On a GPU (`on_cpu` false) one after the other; so it is with a single
/// piece, which has all threads for itself. What a piece throws is thrown here, when all have ended.
template <class Work>
void for_each_on_one_thread(std::size_t count, bool on_cpu, const Work& work) {
  std::vector<std::exception_ptr> failures(count);
  for_each_piece(
      count,
      [&](std::size_t i) {
        try {
          // LibTorch sets the number of threads when a thread asks for the first time: not after us.
          (void)at::get_num_threads();
          use_one_thread();
          work(i);
        } catch (...) {
          failures[i] = std::current_exception();
        }
      },
      on_cpu);
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace laser
