// Text to tokens and back, by GPT-2's byte-level byte-pair encoding [Radford et al. 2019]: the
// tokens of tiktoken's `gpt2`.
//
// Text is cut into pieces (words with the space before them, numbers, punctuation, white space); in each
// piece the two neighbours whose merge comes first in the vocabulary are joined until no merge is left. Every
// string of bytes can be encoded and comes back unchanged: bytes that are not valid UTF-8 count as
// punctuation. `<|endoftext|>` in a text is text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "laser/data/byte_pair_vocabulary.hpp"

namespace laser {

class BytePairEncoder {
 public:
  explicit BytePairEncoder(BytePairVocabulary vocabulary);

  [[nodiscard]] const BytePairVocabulary& vocabulary() const { return vocabulary_; }
  /// Tokens of a text. Time n log n in its bytes at worst, whatever it holds. Thread-safe.
  [[nodiscard]] std::vector<Token> encode(std::string_view text) const;
  /// The bytes of tokens. Throws Error (data) if one is not in the vocabulary.
  [[nodiscard]] std::string decode(std::span<const Token> tokens) const;

 private:
  class Run;
  /// Place in merges of the neighbours' merge; kNoMerge if they have none.
  [[nodiscard]] std::uint32_t rank(Token left, Token right) const;
  /// Joins neighbours in `tokens` until no merge is left: by looking at all of them each time,
  /// or with a queue.
  void merge_short(std::vector<Token>& tokens) const;
  void merge_long(std::vector<Token>& tokens) const;

  struct RankEntry {
    std::uint32_t pair = 0;
    std::uint32_t rank = 0;
  };
  BytePairVocabulary vocabulary_;
  Token byte_tokens_[256] = {};
  std::vector<RankEntry> ranks_;  // open addressing
  int rank_shift_ = 0;
};

/// Length of the piece at the start of a text that is not empty: the match of GPT-2's pattern
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
[[nodiscard]] std::size_t first_piece(std::string_view text);

/// Where to cut a text, at most `limit` bytes in, so that the tokens of both parts are the tokens of the
/// whole: before white space that follows something else. The whole text if there is no such place.
[[nodiscard]] std::size_t cut_before(std::string_view text, std::size_t limit);

}  // namespace laser
