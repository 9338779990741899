// Images in the Python form of CIFAR: a pickled dictionary with "data", an array of bytes [n, 3072], and
// "labels" (or "fine_labels"), a list of n whole numbers. It is what torchvision downloads.
//
// A pickle is a program for a stack machine that may call anything. Here nothing is called: what an object is
// made from is kept as a list, and the array's bytes and shape are looked up in it. Protocols 2 to 5 of
// Python 2 and 3 are read, as numpy of any version writes them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace laser {

struct PickledImages {
  std::vector<std::uint8_t> pixels;  // [n, 3072], red, green and blue plane of 32 x 32
  std::vector<std::int64_t> labels;  // [n], 0 or more
};

/// Throws Error (data) naming the path where the file is no such pickle, is damaged, or its
/// parts don't fit together.
[[nodiscard]] PickledImages read_pickled_images(const std::filesystem::path& path);

}  // namespace laser
