// Tokens of a text in a binary file that is mapped into memory: made once, opened in no time.
//
//   "LASERTOK" | u32 version 1 | u32 tokens in the vocabulary | u64 count | u32 CRC-32 of the tokens | u32 0
//   | SHA-256 of the vocabulary, 32 bytes | SHA-256 of the text, 32 bytes | count x u16
// in little endian.
//
// A file from elsewhere is checked before it is used: size, vocabulary, checksum, and
// that every token exists.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "laser/core/mapped_file.hpp"
#include "laser/data/byte_pair_encoder.hpp"

namespace laser {

class TokenFile {
 public:
  /// Maps and checks a file of tokens of this vocabulary. Throws Error (data) naming the path
  /// and what is wrong.
  TokenFile(const std::filesystem::path& path, const BytePairVocabulary& vocabulary);
  /// All tokens, as long as this object lives.
  [[nodiscard]] std::span<const Token> tokens() const { return tokens_; }
  /// SHA-256 of the text that it was made from, 64 hexadecimal digits.
  [[nodiscard]] const std::string& text_hash() const { return text_hash_; }

 private:
  MappedFile file_;
  std::span<const Token> tokens_;
  std::string text_hash_;
};

/// The tokens of a text file, from the first of the folders `caches` that holds those of this text
/// and vocabulary; where none does, they are put into the first that can be written (and is made
/// where it is missing) before, whole or not at all. Throws Error (data) if the text is empty or not
/// UTF-8, and Error (I/O) with all reasons where none can be written.
[[nodiscard]] TokenFile tokens_of_text(const std::filesystem::path& text,
                                       const std::vector<std::filesystem::path>& caches,
                                       const BytePairEncoder& encoder);

}  // namespace laser
