#include "laser/data/mnist.hpp"

#include <array>

#include "laser/core/error.hpp"
#include "laser/core/sha256.hpp"
#include "laser/data/gzip.hpp"

namespace laser {
namespace {

struct File {
  const char* name;
  const char* sha256;
  [[nodiscard]] IdxFile in(const std::filesystem::path& folder, bool verify) const {
    return {folder / name, verify ? sha256 : ""};
  }
};

constexpr File kTrainImages{"train-images-idx3-ubyte.gz",
                            "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971"};
constexpr File kTrainLabels{"train-labels-idx1-ubyte.gz",
                            "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203"};
constexpr File kTestImages{"t10k-images-idx3-ubyte.gz",
                           "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be"};
constexpr File kTestLabels{"t10k-labels-idx1-ubyte.gz",
                           "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b"};

/// The numbers of an IDX file [LeCun]: magic 0x0801 (labels) or 0x0803 (images), big-endian sizes, then
/// bytes.
std::vector<std::byte> read_idx(const IdxFile& file, const std::vector<std::uint32_t>& sizes) {
  const auto& path = file.path;
  if (!std::filesystem::exists(path)) {
    fail(ExitCode::kData,
         "MNIST file {} is missing. HINT: set data_dir to the folder with the four IDX .gz files (the "
         "repository "
         "has them in data/mnist)",
         path.string());
  }
  std::size_t count = 1;
  for (const auto size : sizes) count *= size;
  const std::size_t header = 4 * (1 + sizes.size());
  const auto compressed = read_file(path, 2 * (count + header) + 1024);  // it may hold its old name
  if (!file.sha256.empty() && sha256_hex(compressed) != file.sha256) {
    fail(ExitCode::kData,
         "{} is not the MNIST file it should be: its SHA-256 differs. HINT: restore it from the repository, "
         "or set "
         "verify_data=false to read other data of this format",
         path.string());
  }
  auto bytes = gunzip(compressed, count + header, path);
  const auto word = [&](std::size_t index) {
    std::uint32_t value = 0;
    for (std::size_t b = 0; b < 4; ++b)
      value = value << 8 | std::to_integer<std::uint32_t>(bytes[4 * index + b]);
    return value;
  };
  bool right = bytes.size() == count + header && word(0) == 0x0800 + sizes.size();
  for (std::size_t j = 0; right && j < sizes.size(); ++j) right = word(1 + j) == sizes[j];
  if (!right) fail(ExitCode::kData, "{} is not an IDX file of the expected sizes", path.string());
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header));
  return bytes;
}

}  // namespace

GreyImages GreyImages::chosen(std::span<const std::int32_t> numbers) const {
  GreyImages result;
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

GreyImages load_grey_images(const IdxFile& images, const IdxFile& labels, std::uint32_t count) {
  const auto pixels = read_idx(images, {count, 28, 28});
  const auto classes = read_idx(labels, {count});
  GreyImages split;
  for (const auto label : classes) {
    split.labels.push_back(std::to_integer<std::uint8_t>(label));
    if (split.labels.back() >= Mnist::kClasses) {
      fail(ExitCode::kData, "{} holds the label {}; labels are 0 .. 9", labels.path.string(),
           split.labels.back());
    }
  }
  split.pixels.reserve(pixels.size() / 4);
  split.values.reserve(pixels.size() / 4);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* row = pixels.data() + i * Mnist::kPixels;
    for (std::uint16_t p = 0; p < Mnist::kPixels; ++p) {
      if (row[p] == std::byte{0}) continue;
      split.pixels.push_back(p);
      split.values.push_back(std::to_integer<std::uint8_t>(row[p]));
    }
    split.offsets.push_back(static_cast<std::uint32_t>(split.pixels.size()));
  }
  return split;
}

Mnist load_mnist(const std::filesystem::path& folder, bool verify) {
  return {load_grey_images(kTrainImages.in(folder, verify), kTrainLabels.in(folder, verify), 60000),
          load_grey_images(kTestImages.in(folder, verify), kTestLabels.in(folder, verify), 10000)};
}

}  // namespace laser
