#include "laser/core/parallel.hpp"

#include <omp.h>

#include <exception>
#include <mutex>
#include <vector>

namespace laser {

void for_each_piece(std::size_t count, const std::function<void(std::size_t)>& work, bool parallel) {
  if (!parallel || count < 2 || omp_get_max_threads() == 1 || omp_in_parallel() != 0) {
    for (std::size_t i = 0; i < count; ++i) work(i);
    return;
  }
  // An exception must not leave the threads' region: the first one waits until all pieces are done.
  std::exception_ptr failure;
  std::mutex mutex;
#pragma omp parallel for schedule(dynamic, 1)
  for (std::size_t i = 0; i < count; ++i) {
    try {
      work(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

void use_one_thread() {
  if (omp_in_parallel() != 0) omp_set_num_threads(1);
}

void for_each_by_size(std::span<const std::size_t> sizes, const std::function<void(std::size_t)>& work) {
  constexpr std::size_t kLarge = std::size_t{1} << 17;
  std::vector<std::size_t> small;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < kLarge) {
      small.push_back(i);
    } else {
      work(i);
    }
  }
  for_each_piece(small.size(), [&](std::size_t i) { work(small[i]); });
}

}  // namespace laser
