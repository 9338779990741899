#include "laser/data/augmentation.hpp"

#include <algorithm>

#include "laser/core/fail.hpp"
#include "laser/core/random.hpp"

namespace laser {
namespace {

/// The window's columns first .. last - 1 come from columns first + shift .. of the image,
/// the others are border.
struct Columns {
  int first, last, shift;
};

Columns columns_of(int offset, int side, int border) {
  const int shift = offset - border;
  return {std::max(0, -shift), std::min(side, side - shift), shift};
}

/// Means of the squares of f x f bytes of a plane [side f, side f]: [side, side].
void average_squares(const std::uint8_t* plane, int side, int f, float* out) {
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      int sum = 0;
      for (int row = 0; row < f; ++row) {
        const std::uint8_t* const source = plane + (y * f + row) * side * f + x * f;
        for (int column = 0; column < f; ++column) sum += source[column];
      }
      *out++ = static_cast<float>(sum) / static_cast<float>(f * f);
    }
  }
}

/// The crop of one plane [side, side], as `scale` x value + `black`, to numbers `pixel` apart.
template <class Value>
void write_plane(const Value* plane, int side, const Columns& rows, const Columns& columns, bool flip,
                 float scale, float black, std::ptrdiff_t pixel, float* target) {
  for (int y = 0; y < side; ++y) {
    // A mirrored row is written from its right end.
    float* const row = target + (y * side + (flip ? side - 1 : 0)) * pixel;
    const std::ptrdiff_t step = flip ? -pixel : pixel;
    if (y < rows.first || y >= rows.last) {
      for (int x = 0; x < side; ++x) row[x * step] = black;
      continue;
    }
    const Value* const source = plane + (y + rows.shift) * side + columns.shift;
    for (int x = 0; x < columns.first; ++x) row[x * step] = black;
    for (int x = columns.first; x < columns.last; ++x)
      row[x * step] = static_cast<float>(source[x]) * scale + black;
    for (int x = columns.last; x < side; ++x) row[x * step] = black;
  }
}

}  // namespace

Crop random_crop(std::uint64_t seed, std::int64_t epoch, std::int64_t image, int border) {
  const StreamKey key{seed, Purpose::kAugmentation, static_cast<std::uint32_t>(epoch), 0, 0};
  const int offsets = 2 * border + 1;
  const auto choice =
      random_below(key, static_cast<std::uint64_t>(image), static_cast<std::uint64_t>(2 * offsets * offsets));
  const auto place = static_cast<int>(choice / 2);
  return {place / offsets, place % offsets, choice % 2 == 1};
}

void write_image(const std::uint8_t* image, const Crop& crop, const Normalization& normalization,
                 const ImageFormat& format, float* out) {
  const bool last = format.layout == PixelLayout::kChannelsLast;
  const int side = static_cast<int>(format.side), border = format.border();
  const std::ptrdiff_t pixel = last ? ColorImages::kChannels : 1;  // floats between neighbours in a row
  const auto rows = columns_of(crop.top, side, border), columns = columns_of(crop.left, side, border);
  std::array<float, ColorImages::kPixels> means;  // NOLINT: written before it is read
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const auto number = static_cast<std::ptrdiff_t>(channel);
    float* const target = out + (last ? number : number * side * side);
    const auto scale = static_cast<float>(1 / (255 * normalization.deviation[channel]));
    const auto black = static_cast<float>(-normalization.mean[channel] / normalization.deviation[channel]);
    const std::uint8_t* const plane = image + number * ColorImages::kPixels;
    if (format.side == ColorImages::kSide) {
      write_plane(plane, side, rows, columns, crop.flip, scale, black, pixel, target);
    } else {
      average_squares(plane, side, static_cast<int>(ColorImages::kSide) / side, means.data());
      write_plane(means.data(), side, rows, columns, crop.flip, scale, black, pixel, target);
    }
  }
}

void write_images(const ColorImages& images, std::span<const std::int32_t> numbers,
                  const Augmentation& augmentation, const ImageFormat& format, std::span<float> pixels,
                  std::span<std::int64_t> labels) {
  LASER_CHECK(pixels.size() == numbers.size() * format.values() && labels.size() == numbers.size());
  const Normalization normalization;
  const int border = format.border();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto crop = augmentation.enabled
                          ? random_crop(augmentation.seed, augmentation.epoch, numbers[i], border)
                          : Crop{border, border};
    write_image(images.image(numbers[i]), crop, normalization, format, pixels.data() + i * format.values());
    labels[i] = images.labels()[static_cast<std::size_t>(numbers[i])];
  }
}

}  // namespace laser
