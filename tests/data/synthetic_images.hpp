// Small files in the format of CIFAR, whose every byte is known.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "../record/temporary_folder.hpp"
#include "laser/data/cifar.hpp"

namespace laser {

/// Byte (channel, y, x) of image i; no two neighbours are equal.
inline std::uint8_t synthetic_byte(std::int64_t i, std::int64_t channel, std::int64_t y, std::int64_t x) {
  return static_cast<std::uint8_t>(17 * i + 71 * channel + 3 * y + 5 * x + y * x);
}

/// `count` records from image `first` on: coarse label i % 20 where there is one, then label i % 10.
inline std::string synthetic_records(std::int64_t first, std::int64_t count, bool coarse) {
  std::string text;
  for (std::int64_t i = first; i < first + count; ++i) {
    if (coarse) text += static_cast<char>(i % 20);
    text += static_cast<char>(i % 10);
    for (std::int64_t channel = 0; channel < 3; ++channel)
      for (std::int64_t y = 0; y < 32; ++y)
        for (std::int64_t x = 0; x < 32; ++x) text += static_cast<char>(synthetic_byte(i, channel, y, x));
  }
  return text;
}

/// `count` images of 10 classes in a file that stays open.
class SyntheticImages {
 public:
  explicit SyntheticImages(std::int64_t count) : images_(write(count), RecordFormat{3073, {10}}) {}
  [[nodiscard]] const ColorImages& operator*() const { return images_; }

 private:
  std::vector<std::filesystem::path> write(std::int64_t count) const {
    write_file(folder_ / "images.bin", synthetic_records(0, count, false));
    return {folder_ / "images.bin"};
  }
  TemporaryFolder folder_;
  ColorImages images_;
};

}  // namespace laser
