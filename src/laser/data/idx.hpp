// Arrays of bytes in the IDX format of MNIST, plain or packed by gzip, of any sizes.
//
//   0x00 0x00 0x08 dimensions | each size as u32, big-endian | bytes                              [LeCun]
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace laser {

struct IdxArray {
  std::vector<std::uint32_t> sizes;  // all above 0
  std::vector<std::byte> values;     // row-major
};

/// Reads an array of `dimensions` dimensions. Memory grows with what the file really holds. Throws Error
/// (data) with the path if it can't be read, is damaged, or is not such an array.
[[nodiscard]] IdxArray read_idx(const std::filesystem::path& path, std::size_t dimensions);

}  // namespace laser
