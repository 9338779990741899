// UTF-8, and the three classes of characters that GPT-2's tokenizer cuts text by: \p{L}, \p{N} and \s.
//
// The classes are those of Unicode 16.0 (scripts/make_unicode_ranges.py). Nothing else of Unicode is here: no
// normalisation, no case.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace laser {

enum class CharacterClass : std::uint8_t { kOther, kLetter, kNumber, kSpace };

/// Class of a code point below 0x110000.
[[nodiscard]] CharacterClass character_class(char32_t code);

/// One character of UTF-8; length 0 says that the bytes are none.
struct Utf8Character {
  char32_t code = 0;
  std::size_t length = 0;
};

/// The character that begins text[0], of a text that is not empty. Strict: no overlong forms, no surrogates,
/// nothing above U+10FFFF.
[[nodiscard]] Utf8Character decode_utf8(std::string_view text);

/// Position of the first byte that is not part of valid UTF-8, or text.size().
[[nodiscard]] std::size_t valid_utf8_prefix(std::string_view text);

}  // namespace laser
