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

/// How the numbers of an image lie: plane by plane [3, 32, 32], or pixel by pixel [32, 32, 3] (PyTorch's
/// channels-last).
enum class PixelLayout { kChannelsFirst, kChannelsLast };

/// (value / 255 - mean) / deviation for each channel. The values are the paper's, for both data sets (spec
/// 5): means of CIFAR-10, and deviations smaller than those of its pixels (0.2470, 0.2435, 0.2616).
struct Normalization {
  std::array<double, 3> mean{0.4914, 0.4822, 0.4465};
  std::array<double, 3> deviation{0.2023, 0.1994, 0.2010};
};

/// Where a window of 32 x 32 lies in an image with a border of 4 black pixels, and whether it is then
/// mirrored.
struct Crop {
  static constexpr int kBorder = 4;
  int top = kBorder;  // 0 .. 8; kBorder is the image itself
  int left = kBorder;
  bool flip = false;  // left to right
};

/// The crop of an image (its number in the training set) in an epoch: all 162 are equally likely.
Crop random_crop(std::uint64_t seed, std::int64_t epoch, std::int64_t image);

/// Writes one image: kValues bytes as planes [3, 32, 32] to kValues floats in `layout`.
void write_image(const std::uint8_t* image, const Crop& crop, const Normalization& normalization,
                 PixelLayout layout, float* out);

/// What a training set is augmented with.
struct Augmentation {
  std::uint64_t seed = 0;
  std::int64_t epoch = 0;
  bool enabled = true;  // false: images as they are
};

/// Writes the images of these numbers, normalised and augmented, to `pixels` [n, 3072] in `layout`, and their
/// classes to `labels` [n].
void write_images(const ColorImages& images, std::span<const std::int32_t> numbers,
                  const Augmentation& augmentation, PixelLayout layout, std::span<float> pixels,
                  std::span<std::int64_t> labels);

}  // namespace laser
