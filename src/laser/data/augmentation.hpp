// Images as the network sees them: cropped, flipped, normalised, in the layout that it wants.
//
// What happens to an image is a function of (seed, epoch, image) alone, so it does not depend on workers,
// threads, batches or on where a run was resumed, and a device that augments by itself can do the same.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "laser/data/cifar.hpp"

namespace laser {

/// How the numbers of an image lie: plane by plane [3, s, s], or pixel by pixel [s,
/// s, 3] (PyTorch's channels-last).
enum class PixelLayout { kChannelsFirst, kChannelsLast };

/// What the network is given: the layout, and the side s of the images, 32 or a half or a quarter of it. A
/// smaller image holds the means of squares of 2 x 2 or 4 x 4 pixels.
struct ImageFormat {
  ImageFormat(PixelLayout pixel_layout,
              std::int64_t image_side = ColorImages::kSide)  // NOLINT: also implicit
      : layout(pixel_layout), side(image_side) {}
  /// Pixels around an image that a crop may show: 4 of 32, and in proportion.
  [[nodiscard]] int border() const { return static_cast<int>(side / 8); }
  /// Numbers of an image, 3 s^2.
  [[nodiscard]] std::size_t values() const {
    return static_cast<std::size_t>(ColorImages::kChannels * side * side);
  }
  PixelLayout layout;
  std::int64_t side;
};

/// (value / 255 - mean) / deviation for each channel. The values are the paper's, for both data sets (spec
/// 5): means of CIFAR-10, and deviations smaller than those of its pixels (0.2470, 0.2435, 0.2616).
struct Normalization {
  std::array<double, 3> mean{0.4914, 0.4822, 0.4465};
  std::array<double, 3> deviation{0.2023, 0.1994, 0.2010};
};

/// Where a window of s x s lies in an image with a black border (ImageFormat::border), and whether
/// it is then mirrored.
struct Crop {
  int top = 4;  // 0 .. twice the border; the border itself (4 of 32 pixels) shows the image as it is
  int left = 4;
  bool flip = false;  // left to right
};

/// The crop of an image (its number in the training set) in an epoch: all 2 (2 border + 1)^2 are equally
/// likely, 162 at 32 pixels.
Crop random_crop(std::uint64_t seed, std::int64_t epoch, std::int64_t image, int border = 4);

/// Writes one image: kValues bytes as planes [3, 32, 32] to format.values() floats.
void write_image(const std::uint8_t* image, const Crop& crop, const Normalization& normalization,
                 const ImageFormat& format, float* out);

/// What a training set is augmented with.
struct Augmentation {
  std::uint64_t seed = 0;
  std::int64_t epoch = 0;
  bool enabled = true;  // false: images as they are
};

/// Writes the images of these numbers, normalised and augmented, to `pixels` [n, 3 s^2], and their
/// classes to `labels` [n].
void write_images(const ColorImages& images, std::span<const std::int32_t> numbers,
                  const Augmentation& augmentation, const ImageFormat& format, std::span<float> pixels,
                  std::span<std::int64_t> labels);

}  // namespace laser
