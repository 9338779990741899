#include "laser/data/idx.hpp"

#include <algorithm>
#include <optional>
#include <span>

#include "laser/core/fail.hpp"
#include "laser/core/mapped_file.hpp"
#include "laser/data/inflate.hpp"

namespace laser {
namespace {

constexpr std::uint64_t kMostValues = std::uint64_t{1} << 32;

/// The content of a file from its start, packed or not.
class Content {
 public:
  explicit Content(const std::filesystem::path& path) : file_(path.string()), rest_(file_.bytes()) {
    if (is_gzip(rest_)) inflater_.emplace(rest_, Inflater::Format::kGzip, path.string());
  }
  [[nodiscard]] std::uint64_t file_bytes() const { return file_.bytes().size(); }
  /// The next piece; empty at the end.
  std::span<const std::byte> next() {
    if (inflater_) return inflater_->next();
    const auto piece = rest_;
    rest_ = {};
    return piece;
  }

 private:
  MappedFile file_;
  std::span<const std::byte> rest_;
  std::optional<Inflater> inflater_;
};

}  // namespace

IdxArray read_idx(const std::filesystem::path& path, std::size_t dimensions) {
  const auto refuse = [&](const std::string& reason) {
    fail(ExitCode::kData, "{} is not an IDX file of {} dimension(s): {}", path.string(), dimensions, reason);
  };
  Content content(path);
  IdxArray array;
  std::vector<std::byte> header;
  const std::size_t header_size = 4 * (1 + dimensions);
  std::uint64_t count = 1;
  for (auto piece = content.next(); !piece.empty(); piece = content.next()) {
    if (header.size() < header_size) {
      const auto part = piece.first(std::min(piece.size(), header_size - header.size()));
      header.insert(header.end(), part.begin(), part.end());
      piece = piece.subspan(part.size());
      if (header.size() < header_size) continue;
      const auto word = [&](std::size_t index) {
        std::uint32_t value = 0;
        for (std::size_t b = 0; b < 4; ++b)
          value = value << 8 | std::to_integer<std::uint32_t>(header[4 * index + b]);
        return value;
      };
      if (word(0) != 0x0800 + dimensions) refuse(fmt::format("it begins with {:#010x}", word(0)));
      for (std::size_t j = 0; j < dimensions; ++j) {
        array.sizes.push_back(word(1 + j));
        if (array.sizes.back() == 0 || count > kMostValues / array.sizes.back())
          refuse(fmt::format("size {} of it is {}", j + 1, array.sizes.back()));
        count *= array.sizes.back();
      }
      // No more than a packed file of this size can hold.
      constexpr std::uint64_t kMostPacking = 1100;
      array.values.reserve(static_cast<std::size_t>(std::min(count, kMostPacking * content.file_bytes())));
    }
    array.values.insert(array.values.end(), piece.begin(), piece.end());
    if (array.values.size() > count)
      refuse(fmt::format("it holds more than the {} bytes that it says", count));
  }
  if (header.size() < header_size) refuse("it ends in its header");
  if (array.values.size() < count)
    refuse(fmt::format("it holds {} of the {} bytes that it says", array.values.size(), count));
  return array;
}

}  // namespace laser
