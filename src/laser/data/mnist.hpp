// MNIST as sparse rows: 60,000 + 10,000 grey images of 28 x 28 with labels 0..9, from the four original IDX
// .gz files.
//
// The four files are embedded in the repository (data/mnist) and checked by SHA-256. Other data sets in the
// same format and size (Fashion-MNIST) can be read with verification off.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "laser/core/sparse_rows.hpp"

namespace laser {

/// One split of the data, owning what SparseRows views.
struct GreyImages {
  std::vector<std::uint32_t> offsets{0};
  std::vector<std::uint16_t> pixels;
  std::vector<std::uint8_t> values;
  std::vector<std::uint8_t> labels;
  [[nodiscard]] SparseRows rows() const { return {offsets, pixels, values}; }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
  /// The images of these numbers, in this order.
  [[nodiscard]] GreyImages chosen(std::span<const std::int32_t> numbers) const;
};

struct Mnist {
  static constexpr std::int64_t kPixels = 784;
  static constexpr std::int64_t kClasses = 10;
  static constexpr double kMean = 0.1307;  // of the training pixels scaled to 0..1
  static constexpr double kStd = 0.3081;
  GreyImages train;
  GreyImages test;
};

/// An IDX .gz file and the SHA-256 that it must have (empty: any).
struct IdxFile {
  std::filesystem::path path;
  std::string sha256;
};

/// Reads `count` images of 28 x 28 and their labels. Throws Error (data) if a file is missing, damaged, of
/// another size, or not the one whose SHA-256 is given.
GreyImages load_grey_images(const IdxFile& images, const IdxFile& labels, std::uint32_t count);

/// Reads the four files from `folder`. Throws Error (data) if one is missing, damaged, of another size, or
/// (with `verify`) not the file whose SHA-256 is known.
Mnist load_mnist(const std::filesystem::path& folder, bool verify = true);

}  // namespace laser
