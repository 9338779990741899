#include "laser/data/unicode.hpp"

#include <array>
#include <cstring>
#include <vector>

#include "laser/core/fail.hpp"

namespace laser {
namespace {

constexpr std::size_t kPageSize = 256;
constexpr std::size_t kPages = 0x110000 / kPageSize;

/// All code points in pages; pages of a single class are shared, so that the whole takes some 40 KB.
class ClassTable {
 public:
  ClassTable() {
    struct Range {
      char32_t first, last;
      CharacterClass value;
    };
    using enum CharacterClass;
    static constexpr Range kRanges[] = {
#include "laser/data/unicode_ranges.inc"
    };
    std::vector<CharacterClass> all(kPages * kPageSize, kOther);
    for (const auto& range : kRanges) {
      for (char32_t code = range.first; code <= range.last; ++code) all[code] = range.value;
    }
    for (std::size_t page = 0; page < kPages; ++page) {
      Page content;
      std::memcpy(content.data(), all.data() + page * kPageSize, kPageSize);
      // Neighbours are often equal: the letters of Chinese, what is not assigned.
      if (contents_.empty() || contents_.back() != content) contents_.push_back(content);
      pages_[page] = static_cast<std::uint16_t>(contents_.size() - 1);
    }
  }
  [[nodiscard]] CharacterClass operator[](char32_t code) const {
    return contents_[pages_[code / kPageSize]][code % kPageSize];
  }

 private:
  using Page = std::array<CharacterClass, kPageSize>;
  std::array<std::uint16_t, kPages> pages_{};
  std::vector<Page> contents_;
};

}  // namespace

CharacterClass character_class(char32_t code) {
  static const ClassTable table;
  LASER_CHECK(code < kPages * kPageSize);
  return table[code];
}

Utf8Character decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || length > text.size()) return {};
  char32_t code = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0u) != 0x80u) return {};
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  if (overlong || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return {};
  return {code, length};
}

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t eight = 0;
    if (text.size() - at >= 8) {
      std::memcpy(&eight, text.data() + at, 8);
      if ((eight & 0x8080808080808080u) == 0) {
        at += 8;
        continue;
      }
    }
    const auto character = decode_utf8(text.substr(at));
    if (character.length == 0) return at;
    at += character.length;
  }
  return at;
}

}  // namespace laser
