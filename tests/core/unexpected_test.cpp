#include "laser/core/unexpected.hpp"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

namespace laser {
namespace {

TEST(Unexpected, LibTorchWithoutMemoryIsNoBugOfOurs) {
  try {
    (void)at::empty({std::int64_t{1} << 46}, at::kDouble);  // more than there are addresses
    FAIL() << "there was so much memory";
  } catch (const std::exception& error) {
    const auto text = unexpected_text(error);
    EXPECT_TRUE(text.starts_with("out of memory for a tensor of 562949953.4 MB. HINT: ")) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << "one line, without LibTorch's call stack";
  }
}

TEST(Unexpected, AGpuWithoutMemoryToo) {
  // As LibTorch 2.11 writes it.
  const std::runtime_error error(
      "CUDA out of memory. Tried to allocate 20.50 MiB. GPU 0 has a total capacity of 79.10 GiB of which "
      "2.00 MiB is free.");
  const auto text = unexpected_text(error);
  EXPECT_TRUE(text.starts_with("out of memory on the GPU for 20.50 MiB more. HINT: ")) << text;
}

TEST(Unexpected, OtherMemoryAndOtherErrors) {
  EXPECT_TRUE(unexpected_text(std::bad_alloc()).starts_with("out of memory. HINT: "));
  EXPECT_EQ(unexpected_text(std::logic_error("x < 3 failed")),
            "internal error, please report it: x < 3 failed");
}

}  // namespace
}  // namespace laser
