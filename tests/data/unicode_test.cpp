// UTF-8 as the standard has it, and the classes of characters as counted in Unicode 16.0.
#include "laser/data/unicode.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace laser {
namespace {

TEST(Unicode, HasTheCharactersOfItsVersion) {
  std::array<int, 4> counts{};
  for (char32_t code = 0; code < 0x110000; ++code) ++counts[static_cast<std::size_t>(character_class(code))];
  // As matched by tiktoken's \p{L}, \p{N} and \s.
  EXPECT_EQ(counts[1], 141028);
  EXPECT_EQ(counts[2], 1911);
  EXPECT_EQ(counts[3], 25);
  using enum CharacterClass;
  EXPECT_EQ(character_class(U'\u00E9'), kLetter);
  EXPECT_EQ(character_class(U'\u0301'), kOther);  // a combining mark
  EXPECT_EQ(character_class(U'\u2167'), kNumber);
  EXPECT_EQ(character_class(U'\u3000'), kSpace);
  EXPECT_EQ(character_class(0x1C), kOther);  // a separator to Python, not to the pattern
}

TEST(Unicode, DecodesStrictly) {
  const auto length = [](const std::string& text) { return decode_utf8(text).length; };
  EXPECT_EQ(decode_utf8("\xF0\x9F\x98\x80").code, 0x1F600u);
  EXPECT_EQ(length("\xF4\x8F\xBF\xBF"), 4u);
  EXPECT_EQ(length("\xC2\x80"), 2u);
  EXPECT_EQ(length("\xEF\xBF\xBF"), 3u);
  for (const char* wrong :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC2", "\xE2\x82", "\xE2\x28\xA1", "\xF0\x9F\x98"}) {
    EXPECT_EQ(length(wrong), 0u);
  }
}

TEST(Unicode, FindsTheFirstWrongByte) {
  EXPECT_EQ(valid_utf8_prefix(""), 0u);
  EXPECT_EQ(valid_utf8_prefix("0123456789\u00e9 0123456789"), 23u);
  EXPECT_EQ(valid_utf8_prefix("0123456789\xC3"), 10u);
  EXPECT_EQ(valid_utf8_prefix("01234567\u00e9\xA9 tail of some length"), 10u);
}

}  // namespace
}  // namespace laser
