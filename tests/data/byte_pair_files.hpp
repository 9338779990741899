// Where tests find GPT-2's vocabulary and WikiText-2, and a small vocabulary to break.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "laser/core/fail.hpp"

namespace laser {

/// The first of $LASER_DATA_DIR and the folder shared/data beside the repository that has `name`;
/// empty if neither does.
inline std::filesystem::path find_test_data(const std::string& name) {
  const char* given = std::getenv("LASER_DATA_DIR");
  for (const auto& folder : {std::filesystem::path(given ? given : ""),
                             std::filesystem::path(LASER_SOURCE_DIR) / ".." / "shared" / "data"}) {
    if (!folder.empty() && std::filesystem::exists(folder / name)) return folder / name;
  }
  return {};
}

/// A folder for one test, removed at its end.
class DataFolder {
 public:
  DataFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "laser-test-XXXXXX").string();
    LASER_CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~DataFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
  }

 private:
  std::filesystem::path path_;
};

/// UTF-8 of a code point below 0x800.
inline std::string utf8_of(unsigned code) {
  if (code < 0x80) return {static_cast<char>(code)};
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
}

/// The character that stands for a byte in encoder.json and vocab.bpe.
inline std::string spelled(int byte) {
  const auto printable = [](int b) {
    return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
  };
  if (printable(byte)) return utf8_of(static_cast<unsigned>(byte));
  unsigned code = 256;
  for (int b = 0; b < byte; ++b) code += printable(b) ? 0 : 1;
  return utf8_of(code);
}

/// A vocabulary of 256 bytes, the merges (two spellings and a space between), and the end of the
/// text: its two files.
struct SmallVocabulary {
  std::vector<std::string> merges{"a b", "b c", "ab c", "c c", "cc cc", "\u0120 a", "\u0120a b"};
  [[nodiscard]] std::string merges_text() const {
    std::string text = "#version: 0.2\n";
    for (const auto& merge : merges) text += merge + "\n";
    return text;
  }
  /// Numbers in the order of bytes, merges that make something new, end of text.
  [[nodiscard]] std::string encoder_text() const {
    std::string text = "{";
    int number = 0;
    const auto add = [&](std::string token) {
      if (token == "\"" || token == "\\") token.insert(0, 1, '\\');
      text += fmt::format("{}\"{}\": {}", number > 0 ? ", " : "", token, number);
      ++number;
    };
    for (int byte = 0; byte < 256; ++byte) add(spelled(byte));
    for (const auto& merge : merges) {
      const auto space = merge.find(' ');
      add(merge.substr(0, space) + merge.substr(space + 1));
    }
    add("<|endoftext|>");
    return text + "}";
  }
  void write(const DataFolder& folder) const {
    folder.write("encoder.json", encoder_text());
    folder.write("vocab.bpe", merges_text());
  }
};

}  // namespace laser
