// MNIST as sparse rows: 60,000 + 10,000 grey images of 28 x 28 with labels 0..9, from four IDX files.
//
// The four files are embedded in the repository (data/mnist) and checked by SHA-256. Other data sets in the
// same format (Fashion-MNIST, EMNIST), of any number and size of images and of classes, are read with a
// SHA256SUMS beside them or with verification off.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
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
  std::array<std::uint32_t, 2> side{28, 28};  // rows and columns of an image
  [[nodiscard]] SparseRows rows() const { return {offsets, pixels, values}; }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(labels.size()); }
  /// The images of these numbers, in this order.
  [[nodiscard]] GreyImages chosen(std::span<const std::int32_t> numbers) const;
};

struct Mnist {
  static constexpr std::int64_t kClasses = 10;
  static constexpr double kMean = 0.1307;  // of the training pixels scaled to 0..1
  static constexpr double kStd = 0.3081;
  GreyImages train;
  GreyImages test;
  std::int64_t pixels = 784;
  std::int64_t classes = kClasses;             // more where there are larger labels
  std::map<std::string, std::string> facts{};  // on where they are from (data_files.hpp)
};

/// Reads images and their labels from IDX files. Throws Error (data) if a file is missing or damaged, or they
/// do not fit together.
GreyImages load_grey_images(const std::filesystem::path& images, const std::filesystem::path& labels);

/// Reads the data set "mnist". `data_dir` is the folder of its files, or of all data sets; empty: where
/// 'laser data list' finds them. Throws Error (data) if a file is missing or damaged, or (with `verify`) is
/// neither the published one nor vouched for by a SHA256SUMS; it says what to do.
Mnist load_mnist(const std::string& data_dir, bool verify = true);

}  // namespace laser
