// The vocabulary of GPT-2's byte-pair encoding, from the two files that OpenAI
// published: encoder.json and vocab.bpe.
//
// encoder.json gives every token its number, vocab.bpe the merges in the order in which they are
// tried. Both spell bytes as printable characters (a space is \u0120). Only reading and checking:
// the encoding is byte_pair_encoder.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace laser {

/// Number of a token: below 65536, as in token files.
using Token = std::uint16_t;

inline constexpr const char* kEncoderName = "encoder.json";
inline constexpr const char* kMergesName = "vocab.bpe";
inline constexpr const char* kEndOfText = "<|endoftext|>";

/// Two neighbours and what they become.
struct Merge {
  Token left = 0;
  Token right = 0;
  Token merged = 0;
};

struct BytePairVocabulary {
  std::vector<std::string> tokens;  // bytes of each token
  std::vector<Merge> merges;        // the earlier goes first
  Token end_of_text = 0;            // the one token that no text is encoded as
  std::string hash;                 // SHA-256 over both files, 64 hexadecimal digits
};

/// Reads the files in `folder`. Throws Error (data), with the file and the line or token, unless the
/// numbers are 0 .. n - 1, all 256 bytes are tokens, and each other token but the end of text is made by
/// one merge of tokens.
BytePairVocabulary load_byte_pair_vocabulary(const std::filesystem::path& folder);

}  // namespace laser
