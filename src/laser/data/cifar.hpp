// CIFAR-10 and CIFAR-100 from their canonical binary files: 50,000 + 10,000 colour images of 32 x 32.
//
// The images stay in the mapped files, so that the processes of one machine share them in memory. Turning
// them into numbers is augmentation.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "laser/core/mapped_file.hpp"
#include "laser/data/records.hpp"

namespace laser {

/// Colour images of one split, one after the other through its files.
class ColorImages {
 public:
  static constexpr std::int64_t kSide = 32;
  static constexpr std::int64_t kChannels = 3;
  static constexpr std::int64_t kPixels = kSide * kSide;
  static constexpr std::int64_t kValues = kChannels * kPixels;  // bytes of an image

  /// Maps the files; the last label of a record is the class. Throws Error (data) naming the file if one
  /// can't be read, is not whole records, or holds a label out of range.
  ColorImages(const std::vector<std::filesystem::path>& files, const RecordFormat& format);

  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(images_.size()); }
  [[nodiscard]] std::int64_t classes() const { return classes_; }
  /// Class of every image, [size].
  [[nodiscard]] std::span<const std::uint8_t> labels() const { return labels_; }
  /// The bytes of image i: red, green and blue plane, [3, 32, 32].
  [[nodiscard]] const std::uint8_t* image(std::int64_t i) const {
    return images_[static_cast<std::size_t>(i)];
  }

 private:
  std::vector<MappedFile> files_;
  std::vector<const std::uint8_t*> images_;
  std::vector<std::uint8_t> labels_;
  std::int64_t classes_;
};

struct Cifar {
  ColorImages train;
  ColorImages test;
  std::map<std::string, std::string> facts{};  // on where they are from (data_files.hpp)
};

/// Reads the data set "cifar10" or "cifar100". `data_dir` is the folder of its files, or of all data sets;
/// empty: where 'laser data fetch' puts them. Throws Error (data) if a file is missing, damaged or of another
/// size, or (with `verify`) is neither the published one nor vouched for by a SHA256SUMS; it says what to do.
Cifar load_cifar(const std::string& name, const std::string& data_dir, bool verify = true);

}  // namespace laser
