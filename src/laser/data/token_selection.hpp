// A smaller vocabulary for small models: the most frequent tokens of a text, all others counted as one.
//
// The embedding of GPT-2's 50,257 tokens would dwarf a network that is a tenth as wide. As with <unk> in
// word-level texts the rare tokens lose their identity, so perplexities of different selections are not
// comparable. The encoding itself is byte_pair_encoder.hpp.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "laser/data/byte_pair_vocabulary.hpp"

namespace laser {

class TokenSelection {
 public:
  /// The `size` - 1 most frequent tokens of `text`, numbered from the most frequent (of equally frequent ones
  /// the lower first); number size - 1 stands for all others. size >= 2.
  TokenSelection(std::span<const Token> text, std::int64_t size);
  /// The tokens' new numbers.
  [[nodiscard]] std::vector<Token> apply(std::span<const Token> tokens) const;

 private:
  std::vector<Token> numbers_;  // of every possible token
};

}  // namespace laser
