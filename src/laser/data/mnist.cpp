#include "laser/data/mnist.hpp"

#include <algorithm>
#include <set>

#include "laser/core/fail.hpp"
#include "laser/data/data_files.hpp"
#include "laser/data/idx.hpp"

namespace laser {
namespace {

constexpr std::int64_t kMostPixels = 1 << 16;  // a pixel's number has 16 bits

}  // namespace

GreyImages GreyImages::chosen(std::span<const std::int32_t> numbers) const {
  GreyImages result;
  result.side = side;
  for (const auto number : numbers) {
    const auto n = static_cast<std::size_t>(number);
    const auto first = static_cast<std::ptrdiff_t>(offsets[n]),
               last = static_cast<std::ptrdiff_t>(offsets[n + 1]);
    result.pixels.insert(result.pixels.end(), pixels.begin() + first, pixels.begin() + last);
    result.values.insert(result.values.end(), values.begin() + first, values.begin() + last);
    result.offsets.push_back(static_cast<std::uint32_t>(result.pixels.size()));
    result.labels.push_back(labels[n]);
  }
  return result;
}

GreyImages load_grey_images(const std::filesystem::path& images, const std::filesystem::path& labels) {
  const auto pixels = read_idx(images, 3);
  const auto classes = read_idx(labels, 1);
  if (pixels.sizes[0] != classes.sizes[0]) {
    fail(ExitCode::kData, "{} has {} images, {} has {} labels", images.string(), pixels.sizes[0],
         labels.string(), classes.sizes[0]);
  }
  GreyImages split;
  split.side = {pixels.sizes[1], pixels.sizes[2]};
  const auto count = static_cast<std::size_t>(pixels.sizes[0]);
  const std::uint64_t each = std::uint64_t{pixels.sizes[1]} * pixels.sizes[2];
  if (each > kMostPixels || pixels.values.size() > UINT32_MAX)
    fail(ExitCode::kData, "{} is too large: {} images of {} pixels", images.string(), count, each);
  std::set<std::uint8_t> kinds;
  for (const auto label : classes.values) {
    split.labels.push_back(std::to_integer<std::uint8_t>(label));
    kinds.insert(split.labels.back());
  }
  // Data of other sets have other classes, but a label that stands far from all others is damage.
  const std::size_t largest = *kinds.rbegin();
  if (largest >= Mnist::kClasses && 2 * kinds.size() < largest + 1) {
    fail(ExitCode::kData, "{} holds the label {}, and only {} different ones; labels are 0, 1, 2, ...",
         labels.string(), largest, kinds.size());
  }
  split.pixels.reserve(pixels.values.size() / 4);
  split.values.reserve(pixels.values.size() / 4);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* row = pixels.values.data() + i * each;
    for (std::size_t p = 0; p < each; ++p) {
      if (row[p] == std::byte{0}) continue;
      split.pixels.push_back(static_cast<std::uint16_t>(p));
      split.values.push_back(std::to_integer<std::uint8_t>(row[p]));
    }
    split.offsets.push_back(static_cast<std::uint32_t>(split.pixels.size()));
  }
  return split;
}

Mnist load_mnist(const std::string& data_dir, bool verify) {
  const auto ready = ready_set(find_data_set("mnist"), data_dir, verify);
  Mnist mnist{load_grey_images(ready.files[0], ready.files[1]),
              load_grey_images(ready.files[2], ready.files[3]), 0, 0, ready.facts};
  if (mnist.train.side != mnist.test.side) {
    fail(ExitCode::kData, "{} and {} hold images of different sizes", ready.files[0].string(),
         ready.files[2].string());
  }
  mnist.pixels = std::int64_t{mnist.train.side[0]} * mnist.train.side[1];
  const auto largest =
      std::max(*std::ranges::max_element(mnist.train.labels), *std::ranges::max_element(mnist.test.labels));
  mnist.classes = std::max<std::int64_t>(Mnist::kClasses, largest + 1);
  return mnist;
}

}  // namespace laser
