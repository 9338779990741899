#include "reading.hpp"

#include <fmt/format.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <new>

#include "laser/core/fail.hpp"

// Every operator new of the program counts here, so that a reader's greed is seen whatever it is freed by.
namespace {

std::atomic<std::size_t> held{0}, peak{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  void* memory = alignment > alignof(std::max_align_t)
                     ? std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment)
                     : std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  const auto now = held += malloc_usable_size(memory);
  auto most = peak.load();
  while (most < now && !peak.compare_exchange_weak(most, now)) continue;
  return memory;
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  held -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes, 0); }
void* operator new[](std::size_t bytes) { return counted(bytes, 0); }
void* operator new(std::size_t bytes, std::align_val_t a) {
  return counted(bytes, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t bytes, std::align_val_t a) {
  return counted(bytes, static_cast<std::size_t>(a));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept try {
  return counted(bytes, 0);
} catch (const std::bad_alloc&) {
  return nullptr;
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept try {
  return counted(bytes, 0);
} catch (const std::bad_alloc&) {
  return nullptr;
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace laser::hostile {
namespace {

/// Of this thread: on a machine that is busy with other work the clock on the wall says little.
double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace

double most_seconds() {
  static const char* const given = std::getenv("LASER_MOST_SECONDS");
  return given != nullptr ? std::atof(given) : 1;
}

Outcome read(const Target& target, const Workplace& workplace, const std::string& bytes) {
  Outcome outcome;
  const auto before = held.load();
  peak = before;
  const auto start = processor_seconds();
  try {
    target.read(workplace, bytes);
  } catch (const Error& error) {
    outcome.refused = true;
    if (error.code() != ExitCode::kData && error.code() != ExitCode::kConfiguration)
      outcome.fault = fmt::format("the error has code {}: {}", static_cast<int>(error.code()), error.what());
    if (std::string_view(error.what()).size() > 2000)
      outcome.fault = fmt::format("the error's text has {} bytes", std::string_view(error.what()).size());
  } catch (const std::exception& error) {
    outcome.fault = fmt::format("not an error of ours: {}", error.what());
  }
  outcome.seconds = processor_seconds() - start;
  outcome.bytes = peak - before;
  if (outcome.fault.empty() && outcome.seconds > most_seconds())
    outcome.fault = fmt::format("took {:.2f} s", outcome.seconds);
  if (outcome.fault.empty() && outcome.bytes > kMostBytes + bytes.size())
    outcome.fault = fmt::format("took {} bytes for {}", outcome.bytes, bytes.size());
  return outcome;
}

}  // namespace laser::hostile
