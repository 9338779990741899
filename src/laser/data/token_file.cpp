#include "laser/data/token_file.hpp"

#include <fmt/ranges.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <system_error>

#include "laser/core/atomic_file.hpp"
#include "laser/core/fail.hpp"
#include "laser/data/unicode.hpp"
#include "laser/hash/sha256.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChunk = std::size_t{16} << 20;  // bytes of text that are encoded at a time
constexpr std::uint32_t kVersion = 1;
constexpr std::array<char, 8> kMagic{'L', 'A', 'S', 'E', 'R', 'T', 'O', 'K'};
using Digest = std::array<std::uint8_t, 32>;

struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint32_t version = kVersion;
  std::uint32_t vocabulary_size = 0;
  std::uint64_t count = 0;
  std::uint32_t checksum = 0;
  std::uint32_t reserved = 0;
  Digest vocabulary{};
  Digest text{};
};
static_assert(sizeof(Header) == 96 && std::endian::native == std::endian::little);

Digest digest_of(const std::string& hexadecimal) {
  LASER_CHECK(hexadecimal.size() == 64);
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Digest digest;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::uint8_t>(16 * value(hexadecimal[2 * i]) + value(hexadecimal[2 * i + 1]));
  }
  return digest;
}

std::string hexadecimal_of(const Digest& digest) { return fmt::format("{:02x}", fmt::join(digest, "")); }

std::uint32_t checksum_of(std::uint32_t before, std::span<const Token> tokens) {
  return static_cast<std::uint32_t>(
      crc32_z(before, reinterpret_cast<const Bytef*>(tokens.data()), tokens.size_bytes()));
}

/// The content of a text file. Throws Error (data) if it is empty or not text.
std::string_view checked_text(const MappedFile& file, const std::string& path) {
  const auto bytes = file.bytes();
  if (bytes.empty()) fail(ExitCode::kData, "{} is empty: there is nothing to train on", path);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto wrong = std::min(valid_utf8_prefix(text), text.find('\0'));
  if (wrong < text.size()) {
    fail(ExitCode::kData,
         "{} is not text: byte {} is 0x{:02x}, which {}. HINT: give plain text in UTF-8 (unpack archives, "
         "convert other encodings with iconv)",
         path, wrong, static_cast<unsigned char>(text[wrong]),
         text[wrong] == '\0' ? "no text holds" : "is not valid UTF-8 there");
  }
  return text;
}

void write_tokens(std::string_view text, const std::string& text_hash, const fs::path& path,
                  const BytePairEncoder& encoder) {
  const auto& vocabulary = encoder.vocabulary();
  Header header;
  header.vocabulary_size = static_cast<std::uint32_t>(vocabulary.tokens.size());
  header.vocabulary = digest_of(vocabulary.hash);
  header.text = digest_of(text_hash);
  AtomicFile file(path.string(), 0);
  file.write(std::as_bytes(std::span(&header, 1)));
  while (!text.empty()) {
    const auto cut = cut_before(text, kChunk);
    const auto tokens = encoder.encode(text.substr(0, cut));
    file.write(std::as_bytes(std::span(tokens)));
    header.count += tokens.size();
    header.checksum = checksum_of(header.checksum, tokens);
    text.remove_prefix(cut);
  }
  file.write_at_start(std::as_bytes(std::span(&header, 1)));
  file.commit();
}

}  // namespace

TokenFile::TokenFile(const fs::path& path, const BytePairVocabulary& vocabulary) : file_(path.string()) {
  const auto bytes = file_.bytes();
  const auto refuse = [&](const std::string& what) {
    fail(ExitCode::kData, "{} {}. HINT: remove it if it was made from a text: it will be made again",
         path.string(), what);
  };
  Header header;
  if (bytes.size() < sizeof(header))
    refuse(fmt::format("is no token file: it has only {} bytes", bytes.size()));
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kMagic) refuse("is no token file");
  if (header.version != kVersion)
    refuse(
        fmt::format("has version {} of the format; this program reads version {}", header.version, kVersion));
  const auto size = bytes.size() - sizeof(header);
  if (size % sizeof(Token) != 0 || header.count != size / sizeof(Token))
    refuse(fmt::format("should hold {} tokens and has {} bytes for them", header.count, size));
  if (header.vocabulary_size != vocabulary.tokens.size() || header.vocabulary != digest_of(vocabulary.hash))
    refuse(fmt::format("holds tokens of another vocabulary (SHA-256 {}, {} tokens)",
                       hexadecimal_of(header.vocabulary), header.vocabulary_size));
  tokens_ = {reinterpret_cast<const Token*>(bytes.data() + sizeof(header)),
             static_cast<std::size_t>(header.count)};
  const auto largest = std::max_element(tokens_.begin(), tokens_.end());
  if (largest != tokens_.end() && *largest >= vocabulary.tokens.size())
    refuse(fmt::format("holds the token {} at place {}: the vocabulary has {} tokens", *largest,
                       largest - tokens_.begin(), vocabulary.tokens.size()));
  if (checksum_of(0, tokens_) != header.checksum) refuse("is damaged: its checksum differs");
  text_hash_ = hexadecimal_of(header.text);
}

TokenFile tokens_of_text(const fs::path& text, const std::vector<fs::path>& caches,
                         const BytePairEncoder& encoder) {
  const MappedFile file(text.string());
  const auto content = checked_text(file, text.string());
  const auto hash = sha256_hex(file.bytes());
  const auto& vocabulary = encoder.vocabulary();
  // Both hashes are in the name: texts and vocabularies may share a folder.
  const auto name =
      fmt::format("{}-{}-{}.tokens", text.stem().string(), hash.substr(0, 16), vocabulary.hash.substr(0, 8));
  for (const auto& cache : caches) {
    std::error_code failure;
    if (!fs::exists(cache / name, failure)) continue;
    try {
      TokenFile tokens(cache / name, vocabulary);
      if (tokens.text_hash() == hash) return tokens;
    } catch (const Error&) {  // a damaged cache is made again
    }
  }
  std::string problems;
  for (const auto& cache : caches) {
    std::error_code failure;
    fs::create_directories(cache, failure);
    try {
      if (failure) fail(ExitCode::kIo, "{}: can't create the folder: {}", cache.string(), failure.message());
      write_tokens(content, hash, cache / name, encoder);
      return {cache / name, vocabulary};
    } catch (const Error& error) {  // a folder that can only be read, or is full: the next one
      if (error.code() != ExitCode::kIo) throw;
      problems += (problems.empty() ? "" : "; ") + std::string(error.what());
    }
  }
  fail(ExitCode::kIo, "the tokens of {} find no place: {}. HINT: set XDG_CACHE_HOME to a folder with room",
       text.string(), problems);
}

}  // namespace laser
