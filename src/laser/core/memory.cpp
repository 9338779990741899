#include "laser/core/memory.hpp"

#include <cstdint>
#include <cstdlib>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace laser {

void keep_freed_memory() {
#if defined(__GLIBC__)
  constexpr int kNever = 1 << 30;  // bytes
  mallopt(M_TRIM_THRESHOLD, kNever);
  mallopt(M_MMAP_THRESHOLD, kNever);
  mallopt(M_TOP_PAD, 1 << 26);
#endif
}

void ask_for_large_pages([[maybe_unused]] void* first, [[maybe_unused]] std::size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr std::uintptr_t kPage = std::uintptr_t{1} << 21;
  const auto at = reinterpret_cast<std::uintptr_t>(first);
  const auto begin = (at + kPage - 1) / kPage * kPage, end = (at + bytes) / kPage * kPage;
  // A wish: where it is refused the memory is as good as before.
  if (begin < end) (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

void release_freed_memory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

}  // namespace laser
