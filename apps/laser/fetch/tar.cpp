// The ustar format [POSIX pax]: 512-byte headers, each followed by a file's bytes padded to 512.
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "laser/core/fail.hpp"
#include "laser/data/inflate.hpp"
#include "laser/fetch/archive.hpp"

namespace laser {
namespace {

constexpr std::size_t kBlock = 512;
// What else an archive may unpack to, besides the members: a bomb ends here.
constexpr std::uint64_t kOtherBytes = 16u << 20;

// The content of the archive, at most `limit` bytes of it, in the portions that a tar reader needs.
class Content {
 public:
  Content(std::span<const std::byte> archive, std::uint64_t limit, const std::string& name)
      : inflater_(archive, Inflater::Format::kGzip, name), left_(limit), name_(name) {}

  /// At most `most` bytes; empty only at the end.
  std::span<const std::byte> take(std::uint64_t most) {
    if (piece_.empty()) piece_ = inflater_.next();
    const auto bytes = piece_.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece_.size(), most)));
    piece_ = piece_.subspan(bytes.size());
    if (bytes.size() > left_) fail(ExitCode::kData, "{} unpacks to more than it should", name_);
    left_ -= bytes.size();
    return bytes;
  }

 private:
  Inflater inflater_;
  std::uint64_t left_;
  const std::string& name_;
  std::span<const std::byte> piece_;
};

class Header {
 public:
  explicit Header(const std::array<char, kBlock>& block) : block_(block) {}

  [[nodiscard]] bool is_end() const {
    return std::all_of(block_.begin(), block_.end(), [](char c) { return c == 0; });
  }
  [[nodiscard]] bool is_file() const { return block_[156] == '0' || block_[156] == 0; }
  [[nodiscard]] std::optional<std::uint64_t> size() const { return octal(124, 12); }
  [[nodiscard]] std::string path() const {
    const auto prefix = text(257, 5) == "ustar" ? text(345, 155) : "";
    return prefix.empty() ? text(0, 100) : prefix + "/" + text(0, 100);
  }
  /// The sum of all bytes, its own field taken as spaces.
  [[nodiscard]] bool has_right_checksum() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kBlock; ++i)
      sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(block_[i]);
    return octal(148, 8) == sum;
  }

 private:
  [[nodiscard]] std::string text(std::size_t first, std::size_t size) const {
    const std::string_view field(block_.data() + first, size);
    return std::string(field.substr(0, field.find('\0')));
  }
  // Octal digits between spaces, ended by a space or a zero; the field holds too few to overflow.
  [[nodiscard]] std::optional<std::uint64_t> octal(std::size_t first, std::size_t size) const {
    std::string digits = text(first, size);
    digits.erase(0, std::min(digits.find_first_not_of(' '), digits.size()));
    digits.erase(std::min(digits.find(' '), digits.size()));
    if (digits.empty()) return std::nullopt;
    std::uint64_t value = 0;
    for (const char digit : digits) {
      if (digit < '0' || digit > '7') return std::nullopt;
      value = value * 8 + static_cast<std::uint64_t>(digit - '0');
    }
    return value;
  }

  const std::array<char, kBlock>& block_;
};

class TarReader {
 public:
  TarReader(Content& content, const std::vector<ArchiveMember>& members, const std::string& name,
            const MemberSink& sink)
      : content_(content), members_(members), name_(name), sink_(sink), seen_(members.size()) {}

  void read() {
    std::array<char, kBlock> block{};
    while (read_block(block)) {
      const Header header(block);
      if (header.is_end()) break;
      read_entry(header);
    }
    while (!content_.take(kBlock).empty()) continue;  // to the checksum at the end of the compressed data
    for (std::size_t i = 0; i < members_.size(); ++i)
      if (!seen_[i]) fail(ExitCode::kData, "{} holds no {}", name_, members_[i].path);
  }

 private:
  bool read_block(std::array<char, kBlock>& block) {
    std::size_t filled = 0;
    while (filled < kBlock) {
      const auto bytes = content_.take(kBlock - filled);
      if (bytes.empty() && filled == 0) return false;
      if (bytes.empty()) fail(ExitCode::kData, "{} is damaged: it ends inside a header", name_);
      std::transform(bytes.begin(), bytes.end(), block.begin() + static_cast<std::ptrdiff_t>(filled),
                     [](std::byte b) { return static_cast<char>(b); });
      filled += bytes.size();
    }
    return true;
  }

  void read_entry(const Header& header) {
    const auto size = header.size();
    if (!header.has_right_checksum() || !size)
      fail(ExitCode::kData, "{} is damaged: a header is not that of a tar archive", name_);
    const auto path = header.path();
    const auto found =
        std::find_if(members_.begin(), members_.end(), [&](auto& m) { return m.path == path; });
    const bool wanted = header.is_file() && found != members_.end();
    const auto index = static_cast<std::size_t>(found - members_.begin());
    if (wanted) {
      if (seen_[index]) fail(ExitCode::kData, "{} holds {} twice", name_, path);
      if (*size > found->limit)
        fail(ExitCode::kData, "{} holds {} with {} bytes, more than {}", name_, path, *size, found->limit);
      seen_[index] = true;
    }
    read_body(*size, wanted ? std::optional(index) : std::nullopt);
    read_body((kBlock - *size % kBlock) % kBlock, std::nullopt);
  }

  void read_body(std::uint64_t left, std::optional<std::size_t> member) {
    while (left > 0) {
      const auto bytes = content_.take(left);
      if (bytes.empty()) fail(ExitCode::kData, "{} is damaged: it ends inside a file", name_);
      if (member) sink_(*member, bytes);
      left -= bytes.size();
    }
  }

  Content& content_;
  const std::vector<ArchiveMember>& members_;
  const std::string& name_;
  const MemberSink& sink_;
  std::vector<bool> seen_;
};

}  // namespace

void read_tar_gz(std::span<const std::byte> archive, const std::vector<ArchiveMember>& members,
                 const std::string& name, const MemberSink& sink) {
  std::uint64_t limit = kOtherBytes;
  for (const auto& member : members) limit += member.limit;
  Content content(archive, limit, name);
  TarReader(content, members, name, sink).read();
}

}  // namespace laser
