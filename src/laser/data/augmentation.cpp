#include "laser/data/augmentation.hpp"

#include <algorithm>

#include "laser/core/error.hpp"
#include "laser/core/random.hpp"

namespace laser {
namespace {

constexpr int kSide = static_cast<int>(ColorImages::kSide);
constexpr int kOffsets = 2 * Crop::kBorder + 1;

/// The window's columns first .. last - 1 come from columns first + shift .. of the image, the others are
/// border.
struct Columns {
  int first, last, shift;
};

Columns columns_of(int offset) {
  const int shift = offset - Crop::kBorder;
  return {std::max(0, -shift), std::min(kSide, kSide - shift), shift};
}

}  // namespace

Crop random_crop(std::uint64_t seed, std::int64_t epoch, std::int64_t image) {
  const StreamKey key{seed, Purpose::kAugmentation, static_cast<std::uint32_t>(epoch), 0, 0};
  const auto choice = random_below(key, static_cast<std::uint64_t>(image), 2 * kOffsets * kOffsets);
  const auto place = static_cast<int>(choice / 2);
  return {place / kOffsets, place % kOffsets, choice % 2 == 1};
}

void write_image(const std::uint8_t* image, const Crop& crop, const Normalization& normalization,
                 PixelLayout layout, float* out) {
  const bool last = layout == PixelLayout::kChannelsLast;
  const std::ptrdiff_t pixel = last ? ColorImages::kChannels : 1;  // floats between neighbours in a row
  const auto rows = columns_of(crop.top), columns = columns_of(crop.left);
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const auto plane = static_cast<std::ptrdiff_t>(channel) * ColorImages::kPixels;
    float* const target = out + (last ? static_cast<std::ptrdiff_t>(channel) : plane);
    const auto scale = static_cast<float>(1 / (255 * normalization.deviation[channel]));
    const auto black = static_cast<float>(-normalization.mean[channel] / normalization.deviation[channel]);
    for (int y = 0; y < kSide; ++y) {
      // A mirrored row is written from its right end.
      float* const row = target + (y * kSide + (crop.flip ? kSide - 1 : 0)) * pixel;
      const std::ptrdiff_t step = crop.flip ? -pixel : pixel;
      if (y < rows.first || y >= rows.last) {
        for (int x = 0; x < kSide; ++x) row[x * step] = black;
        continue;
      }
      const std::uint8_t* const source = image + plane + (y + rows.shift) * kSide + columns.shift;
      for (int x = 0; x < columns.first; ++x) row[x * step] = black;
      for (int x = columns.first; x < columns.last; ++x)
        row[x * step] = static_cast<float>(source[x]) * scale + black;
      for (int x = columns.last; x < kSide; ++x) row[x * step] = black;
    }
  }
}

void write_images(const ColorImages& images, std::span<const std::int32_t> numbers,
                  const Augmentation& augmentation, PixelLayout layout, std::span<float> pixels,
                  std::span<std::int64_t> labels) {
  LASER_CHECK(pixels.size() == numbers.size() * ColorImages::kValues && labels.size() == numbers.size());
  const Normalization normalization;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto crop =
        augmentation.enabled ? random_crop(augmentation.seed, augmentation.epoch, numbers[i]) : Crop{};
    write_image(images.image(numbers[i]), crop, normalization, layout,
                pixels.data() + i * ColorImages::kValues);
    labels[i] = images.labels()[static_cast<std::size_t>(numbers[i])];
  }
}

}  // namespace laser
