// Rows of small non-negative integers stored by their non-zero entries: grey images
// that are mostly background.
#pragma once

#include <cstdint>
#include <span>

namespace laser {

/// A view of N sparse rows: row i has its non-zero entries at offsets[i] .. offsets[i + 1] - 1.
struct SparseRows {
  std::span<const std::uint32_t> offsets;  // [N + 1]
  std::span<const std::uint16_t> columns;  // ascending within a row
  std::span<const std::uint8_t> values;    // 1..255
  [[nodiscard]] std::size_t size() const { return offsets.size() - 1; }
};

}  // namespace laser
