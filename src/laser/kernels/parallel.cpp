#include "laser/kernels/parallel.hpp"

#include <omp.h>

namespace laser {

void for_each_piece(std::size_t count, const std::function<void(std::size_t)>& work, bool parallel) {
  if (!parallel || count < 2 || omp_get_max_threads() == 1 || omp_in_parallel() != 0) {
    for (std::size_t i = 0; i < count; ++i) work(i);
    return;
  }
#pragma omp parallel for schedule(dynamic, 1)
  for (std::size_t i = 0; i < count; ++i) work(i);
}

void use_one_thread() {
  if (omp_in_parallel() != 0) omp_set_num_threads(1);
}

}  // namespace laser
