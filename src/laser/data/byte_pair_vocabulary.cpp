#include "laser/data/byte_pair_vocabulary.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/input_file.hpp"
#include "laser/core/mapped_file.hpp"
#include "laser/data/unicode.hpp"
#include "laser/hash/sha256.hpp"

namespace laser {
namespace {

constexpr std::size_t kMostTokens = 65536;
constexpr std::size_t kMostBytes = 8u << 20;  // of a file; GPT-2's have 1 MB and 0.5 MB
constexpr const char* kHint =
    "HINT: take encoder.json and vocab.bpe from the same source, as `laser data fetch gpt2` does";

/// A spelling for the text of an error: on one line, without control characters, and short.
std::string shown(std::string_view spelling) {
  constexpr std::size_t kMost = 60;
  if (valid_utf8_prefix(spelling) < spelling.size()) return "(not text)";
  std::string text(spelling.substr(0, valid_utf8_prefix(spelling.substr(0, kMost))));
  for (auto& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return text.size() < spelling.size() ? text + "..." : text;
}

/// The bytes by the characters that stand for them: printable Latin-1 is itself, the others follow from
/// U+0100 on in order.
class ByteAlphabet {
 public:
  ByteAlphabet() {
    bytes_.fill(-1);
    char32_t next = 256;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
      bytes_[printable ? static_cast<std::size_t>(byte) : next++] = byte;
    }
  }
  /// The bytes that `spelling` stands for; nothing if it holds another character.
  [[nodiscard]] std::optional<std::string> bytes_of(std::string_view spelling) const {
    std::string bytes;
    for (std::size_t at = 0; at < spelling.size();) {
      const auto character = decode_utf8(spelling.substr(at));
      if (character.length == 0 || character.code >= bytes_.size() || bytes_[character.code] < 0) return {};
      bytes.push_back(static_cast<char>(bytes_[character.code]));
      at += character.length;
    }
    return bytes;
  }

 private:
  std::array<int, 324> bytes_{};
};

using Numbers = std::unordered_map<std::string, std::uint64_t>;

/// Takes {"token": number, ...} and refuses all other JSON, without building a tree of it.
class EncoderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit EncoderReader(const std::string& path) : path_(path) {}
  [[nodiscard]] const Numbers& numbers() const { return numbers_; }

  bool start_object(std::size_t) override { return depth_++ == 0 || refuse("an object"); }
  bool end_object() override { return true; }
  bool key(string_t& text) override {
    key_ = text;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (depth_ == 0) return refuse("a number");
    if (numbers_.size() == kMostTokens)
      fail(ExitCode::kData, "{} has more than {} tokens", path_, kMostTokens);
    if (!numbers_.emplace(key_, value).second)
      fail(ExitCode::kData, "{} has the token '{}' twice. {}", path_, shown(key_), kHint);
    return true;
  }
  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a truth value"); }
  bool number_integer(number_integer_t) override { return refuse("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return refuse("a fraction"); }
  bool string(string_t&) override { return refuse("a text"); }
  bool binary(binary_t&) override { return refuse("binary data"); }
  bool start_array(std::size_t) override { return refuse("a list"); }
  bool end_array() override { return true; }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    fail(ExitCode::kData, "{} is damaged: byte {} is not valid JSON. {}", path_, position, kHint);
  }

 private:
  bool refuse(const char* found) const {
    fail(ExitCode::kData,
         "{} is not a vocabulary: it must be one object of \"token\": number, and holds {}{}. {}", path_,
         found, depth_ > 0 ? fmt::format(" at token '{}'", shown(key_)) : "", kHint);
  }

  const std::string& path_;
  std::string key_;
  int depth_ = 0;
  Numbers numbers_;
};

std::string_view text_of(const MappedFile& file, const std::string& path) {
  const auto bytes = file.bytes();
  if (bytes.empty()) fail(ExitCode::kData, "{} is empty. {}", path, kHint);
  if (bytes.size() > kMostBytes)
    fail(ExitCode::kData, "{} has {} bytes; a vocabulary has at most {}", path, bytes.size(), kMostBytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The spelling of every token, by its number.
std::vector<std::string> spellings_by_number(const Numbers& numbers, const std::string& path) {
  std::vector<const std::string*> found(numbers.size());
  for (const auto& [spelling, number] : numbers) {
    if (number >= numbers.size()) {
      fail(ExitCode::kData,
           "{} gives the token '{}' the number {}: {} tokens must have the numbers 0 to {}. {}", path,
           shown(spelling), number, numbers.size(), numbers.size() - 1, kHint);
    }
    auto& place = found[number];
    if (place)
      fail(ExitCode::kData, "{} gives '{}' and '{}' the same number {}. {}", path,
           shown(std::min(*place, spelling)), shown(std::max(*place, spelling)), number, kHint);
    place = &spelling;
  }
  // No number is left out: none is double and none is too large.
  return collect(found, [](const std::string* spelling) { return *spelling; });
}

/// The merges, a line each: two spellings and a space between them.
class MergesReader {
 public:
  MergesReader(const Numbers& numbers, const std::string& path)
      : numbers_(numbers), path_(path), made_(numbers.size()) {}

  std::vector<Merge> read(std::string_view text) {
    std::vector<Merge> merges;
    for (line_ = 1; !text.empty(); ++line_) {
      const auto end = text.find('\n');
      const auto line = text.substr(0, end);
      if (line_ > 1 || !line.starts_with("#version")) merges.push_back(merge_of(line));
      text.remove_prefix(end == text.npos ? text.size() : end + 1);
    }
    return merges;
  }
  /// Which tokens a merge makes.
  [[nodiscard]] const std::vector<bool>& made() const { return made_; }

 private:
  Merge merge_of(std::string_view line) {
    const auto space = line.find(' ');
    if (space == line.npos || line.find(' ', space + 1) != line.npos)
      refuse("is not two tokens with a space between them");
    const std::string left(line.substr(0, space)), right(line.substr(space + 1));
    const Merge merge{number_of(left), number_of(right), number_of(left + right)};
    if (made_[merge.merged]) refuse(fmt::format("makes '{}', as an earlier line does", shown(left + right)));
    made_[merge.merged] = true;
    return merge;
  }
  [[nodiscard]] Token number_of(const std::string& spelling) const {
    const auto found = numbers_.find(spelling);
    if (found == numbers_.end()) {
      refuse(fmt::format("names the token '{}', which {} lacks", shown(spelling), kEncoderName));
    }
    return static_cast<Token>(found->second);
  }
  [[noreturn]] void refuse(const std::string& what) const {
    fail(ExitCode::kData, "{}: line {} {}. {}", path_, line_, what, kHint);
  }

  const Numbers& numbers_;
  const std::string& path_;
  std::vector<bool> made_;
  std::size_t line_ = 0;
};

}  // namespace

BytePairVocabulary load_byte_pair_vocabulary(const std::filesystem::path& folder) {
  const auto encoder_path = (folder / kEncoderName).string(), merges_path = (folder / kMergesName).string();
  for (const auto& path : {encoder_path, merges_path}) {
    if (!is_there(path))
      fail(ExitCode::kData,
           "{} is missing. HINT: `laser data fetch gpt2-bpe` brings it, or name the folder that has it",
           path);
  }
  const MappedFile encoder_file(encoder_path), merges_file(merges_path);
  EncoderReader reader(encoder_path);
  const auto encoder_text = text_of(encoder_file, encoder_path);
  nlohmann::json::sax_parse(encoder_text.begin(), encoder_text.end(), &reader);
  const auto& numbers = reader.numbers();
  const auto spellings = spellings_by_number(numbers, encoder_path);

  BytePairVocabulary vocabulary;
  MergesReader merges(numbers, merges_path);
  vocabulary.merges = merges.read(text_of(merges_file, merges_path));

  const ByteAlphabet alphabet;
  std::array<bool, 256> seen{};
  bool has_end = false;
  for (std::size_t number = 0; number < spellings.size(); ++number) {
    const auto& spelling = spellings[number];
    const auto bytes = alphabet.bytes_of(spelling);
    if (!bytes || bytes->empty())
      fail(ExitCode::kData, "{}: token {} is not spelled in the characters that stand for bytes. {}",
           encoder_path, number, kHint);
    const bool made = merges.made()[number];
    if (bytes->size() == 1 && !made) {
      seen[static_cast<unsigned char>(bytes->front())] = true;
    } else if (spelling == kEndOfText && !made) {
      has_end = true;
      vocabulary.end_of_text = static_cast<Token>(number);
    } else if (!made) {
      fail(ExitCode::kData, "{}: no line makes the token '{}', which is number {} of {}. {}", merges_path,
           shown(spelling), number, kEncoderName, kHint);
    }
    vocabulary.tokens.push_back(*bytes);
  }
  const auto missing = std::find(seen.begin(), seen.end(), false);
  if (missing != seen.end())
    fail(ExitCode::kData, "{} has no token for the byte {}. {}", encoder_path, missing - seen.begin(), kHint);
  if (!has_end) fail(ExitCode::kData, "{} has no token {}. {}", encoder_path, kEndOfText, kHint);
  vocabulary.hash = sha256_hex(sha256_hex(encoder_file.bytes()) + sha256_hex(merges_file.bytes()));
  return vocabulary;
}

}  // namespace laser
