#include "laser/core/parallel.hpp"

#include <omp.h>

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace laser {
namespace {

#if defined(__SANITIZE_THREAD__)
// The thread sanitizer doesn't see the barriers of OpenMP's runtime: under it threads of the standard library
// do the same work, so that what it reports are races between pieces.
thread_local bool inside_pieces = false;

bool in_pieces() { return inside_pieces || omp_in_parallel() != 0; }

template <class Work>
void run_side_by_side(std::size_t count, const Work& work) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> crew;
  for (int t = 0; t < omp_get_max_threads(); ++t) {
    crew.emplace_back([&] {
      inside_pieces = true;
      for (std::size_t i = next++; i < count; i = next++) work(i);
    });
  }
  for (auto& thread : crew) thread.join();
}
#else
bool in_pieces() { return omp_in_parallel() != 0; }

template <class Work>
void run_side_by_side(std::size_t count, const Work& work) {
#pragma omp parallel for schedule(dynamic, 1)
  for (std::size_t i = 0; i < count; ++i) work(i);
}
#endif

}  // namespace

void for_each_piece(std::size_t count, const std::function<void(std::size_t)>& work, bool parallel) {
  if (!parallel || count < 2 || omp_get_max_threads() == 1 || in_pieces()) {
    for (std::size_t i = 0; i < count; ++i) work(i);
    return;
  }
  // An exception must not leave the threads' region: the first one waits until all pieces are done.
  std::exception_ptr failure;
  std::mutex mutex;
  run_side_by_side(count, [&](std::size_t i) {
    try {
      work(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  });
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
