// Every request for memory that making the text of a record takes fails once: each is refused, and nothing
// reads what is half made. (What runs out elsewhere in a run: tests/faults.)
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <new>

#include "laser/record/json.hpp"
#include "temporary_folder.hpp"

namespace {

long requests = 0, fails_at = 0;  // the one with this number fails; 0: none

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  if (++requests == fails_at) throw std::bad_alloc();
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}

[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace laser {
namespace {

constexpr int kNothingFailed = 0, kRefused = 70;

// How many requests `make` takes; each of them fails once, in a process of its own. The library that writes
// JSON asks for memory in its destructors too, from where no exception gets out: the program's own handler
// ends it then.
template <class Make>
long fail_each(Make make) {
  for (long number = 1;; ++number) {
    const pid_t child = fork();
    if (child == 0) {
      std::set_terminate([] { std::_Exit(kRefused); });
      requests = 0;
      fails_at = number;
      try {
        (void)make();
      } catch (const std::bad_alloc&) {
        std::_Exit(kRefused);
      }
      std::_Exit(kNothingFailed);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNothingFailed) return number - 1;
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == kRefused)
        << "request " << number << ": " << status;
    if (testing::Test::HasFailure()) return -1;
  }
}

TEST(OutOfMemory, LeavesNoRecordHalfMade) {
  auto epoch = example_epoch(3, 91.5);
  epoch.energy = {1.0, 2.0};
  epoch.spectrum = {{"layer1.weight", 0.25}};
  const auto summary = example_summary("laser", 0.1, 1, 91.5);
  const std::map<std::string, std::string> texts = {{"torch", "2.13.0"},
                                                    {"commit", "unknown, as far as is known"}};
  EXPECT_GT(fail_each([&] { return to_json_line(epoch); }), 10);
  EXPECT_GT(fail_each([&] { return to_json(summary); }), 10);
  EXPECT_GT(fail_each([&] { return to_json(texts); }), 4);
}

}  // namespace
}  // namespace laser
