// Workers (or pieces of an evaluation) side by side: each on one thread, so that the bits do not depend on
// their number.
#pragma once

#include <ATen/Parallel.h>

#include <cstddef>
#include <exception>
#include <vector>

#include "laser/kernels/parallel.hpp"

namespace laser {

/// Runs `work(i)` for each i < count: on the CPU every piece on one thread, several pieces at a time;
/// elsewhere one after the other. What a piece throws is thrown here.
template <class Work>
void for_each_worker(std::size_t count, bool on_cpu, const Work& work) {
  std::vector<std::exception_ptr> failures(count);
  for_each_piece(
      count,
      [&](std::size_t i) {
        try {
          if (on_cpu) {
            (void)at::get_num_threads();  // LibTorch sets its number of threads at a thread's first call
            use_one_thread();
          }
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
