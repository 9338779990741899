// GPT-2's encoding against tiktoken (tests/golden/make_byte_pair_cases.py) and against its
// definition, and broken vocabularies.
#include "laser/data/byte_pair_encoder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "../power/expect_error.hpp"
#include "byte_pair_files.hpp"
#include "laser/hash/sha256.hpp"

namespace laser {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// The fingerprint of tokens, as the golden file has it.
std::string fingerprint(const std::vector<Token>& tokens) {
  return fmt::format("{} {}", tokens.size(), sha256_hex(std::as_bytes(std::span(tokens))));
}
std::string fingerprint(const json& expected) {
  return fmt::format("{} {}", expected.at("count").get<std::size_t>(),
                     expected.at("sha256").get<std::string>());
}

std::string utf8(char32_t code) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x800) return utf8_of(static_cast<unsigned>(code));
  if (code < 0x10000) return {static_cast<char>(0xE0 | code >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | code >> 18), tail(12), tail(6), tail(0)};
}

/// Against tiktoken, where GPT-2's vocabulary is on this machine.
class Gpt2Encoding : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const auto folder = find_test_data("gpt2");
    if (folder.empty()) return;
    encoder_ = std::make_unique<BytePairEncoder>(load_byte_pair_vocabulary(folder));
    std::ifstream stream(fs::path(LASER_SOURCE_DIR) / "tests/golden/byte_pair_cases.json");
    golden_ = json::parse(stream);
  }
  static void TearDownTestSuite() { encoder_.reset(); }
  void SetUp() override {
    if (!encoder_) GTEST_SKIP() << "no folder gpt2 in $LASER_DATA_DIR or beside the repository";
  }
  static std::unique_ptr<BytePairEncoder> encoder_;
  static json golden_;
};
std::unique_ptr<BytePairEncoder> Gpt2Encoding::encoder_;
json Gpt2Encoding::golden_;

TEST_F(Gpt2Encoding, IsTiktokensOnHardTexts) {
  ASSERT_GT(golden_.at("cases").size(), 800u);
  for (const auto& expected : golden_.at("cases")) {
    std::string text;
    for (int i = 0; i < expected.value("repeat", 1); ++i) text += expected.at("text").get<std::string>();
    const auto tokens = encoder_->encode(text);
    if (expected.contains("tokens")) {
      EXPECT_EQ(tokens, expected.at("tokens").get<std::vector<Token>>()) << expected.at("text");
    } else {
      EXPECT_EQ(fingerprint(tokens), fingerprint(expected)) << expected.at("text");
    }
    EXPECT_EQ(encoder_->decode(tokens), text);
  }
}

TEST_F(Gpt2Encoding, IsTiktokensOnEveryCharacter) {
  std::string text;
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xD800 && code < 0xE000) continue;
    text += "a";
    text += utf8(code);
    text += "1 ";
  }
  const auto tokens = encoder_->encode(text);
  EXPECT_EQ(fingerprint(tokens), fingerprint(golden_.at("every_character")));
  EXPECT_EQ(encoder_->decode(tokens), text);
}

TEST_F(Gpt2Encoding, IsTiktokensOnWikiText2) {
  const auto folder = find_test_data("wikitext2");
  if (folder.empty()) GTEST_SKIP() << "no folder wikitext2";
  for (const auto& expected : golden_.at("wikitext2")) {
    std::ifstream stream(folder / expected.at("file").get<std::string>(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    EXPECT_EQ(fingerprint(encoder_->encode(text)), fingerprint(expected)) << expected.at("file");
  }
}

// tiktoken joins neighbours that together are a token, GPT-2 those that have a merge. It is the same as long
// as the merges make every token out of its own bytes (only the last two parts of a token's making can meet).
TEST_F(Gpt2Encoding, MakesEveryTokenFromItsBytes) {
  const auto& vocabulary = encoder_->vocabulary();
  ASSERT_EQ(vocabulary.tokens.size(), 50257u);
  ASSERT_EQ(vocabulary.end_of_text, 50256);
  std::size_t whole = 0;
  for (std::size_t number = 0; number < vocabulary.tokens.size(); ++number) {
    const auto& bytes = vocabulary.tokens[number];
    if (number == vocabulary.end_of_text || first_piece(bytes) != bytes.size()) continue;
    ++whole;
    EXPECT_EQ(encoder_->encode(bytes), std::vector<Token>{static_cast<Token>(number)});
  }
  EXPECT_GT(whole, 50000u);
}

/// A small vocabulary, and the slow definition of its encoding.
class SmallEncoding : public testing::Test {
 protected:
  SmallEncoding() {
    SmallVocabulary().write(folder_);
    encoder_ = std::make_unique<BytePairEncoder>(load_byte_pair_vocabulary(folder_.path()));
  }
  [[nodiscard]] std::vector<Token> slowly(std::string_view text) const {
    std::vector<Token> all;
    while (!text.empty()) {
      const auto length = first_piece(text);
      std::vector<std::string> parts;
      for (const char c : text.substr(0, length)) parts.emplace_back(1, c);
      const auto& vocabulary = encoder_->vocabulary();
      for (bool joined = true; joined;) {
        joined = false;
        for (const auto& merge : vocabulary.merges) {  // the earliest merge that occurs, at its first place
          for (std::size_t i = 0; i + 1 < parts.size() && !joined; ++i) {
            if (parts[i] != vocabulary.tokens[merge.left] || parts[i + 1] != vocabulary.tokens[merge.right])
              continue;
            parts[i] += parts[i + 1];
            parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
            joined = true;
          }
          if (joined) break;
        }
      }
      for (const auto& part : parts) {
        const auto found = std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), part);
        all.push_back(static_cast<Token>(found - vocabulary.tokens.begin()));
      }
      text.remove_prefix(length);
    }
    return all;
  }
  DataFolder folder_;
  std::unique_ptr<BytePairEncoder> encoder_;
};

TEST_F(SmallEncoding, IsTheDefinitionForShortAndLongPieces) {
  std::mt19937 draw(1);
  for (const int most : {5, 15, 16, 63, 64, 65, 300}) {
    for (int trial = 0; trial < 60; ++trial) {
      std::string text;
      for (int i = 0; i < most; ++i) text += "aabbccc"[draw() % 7];
      for (auto& c : text) {
        if (draw() % 40 == 0 && most < 200) c = ' ';
      }
      EXPECT_EQ(encoder_->encode(text), slowly(text)) << text;
      EXPECT_EQ(encoder_->decode(encoder_->encode(text)), text);
    }
  }
}

TEST_F(SmallEncoding, KeepsBytesThatAreNotText) {
  std::mt19937 draw(2);
  for (int trial = 0; trial < 200; ++trial) {
    std::string text;
    for (int i = 0; i < 100; ++i)
      text.push_back(static_cast<char>(draw() % 3 == 0 ? draw() % 256 : 'a' + draw() % 3));
    EXPECT_EQ(encoder_->decode(encoder_->encode(text)), text);
  }
  EXPECT_EQ(first_piece("\xFF\xFE!a"), 3u);  // as punctuation
}

TEST_F(SmallEncoding, IsTheSameInPartsThatAreCutWell) {
  std::mt19937 draw(3);
  for (int trial = 0; trial < 100; ++trial) {
    std::string text;
    for (int i = 0; i < 200; ++i) text += "abc c \n \t'.1"[draw() % 12];
    const auto whole = encoder_->encode(text);
    std::vector<Token> parts;
    for (std::string_view rest = text; !rest.empty();) {
      const auto cut = cut_before(rest, 17);
      const auto part = encoder_->encode(rest.substr(0, cut));
      parts.insert(parts.end(), part.begin(), part.end());
      rest.remove_prefix(cut);
    }
    EXPECT_EQ(parts, whole) << text;
  }
  EXPECT_EQ(cut_before("aaaaaaaaaa", 3), 10u);
  EXPECT_EQ(cut_before("aaaaaa aaa", 3), 6u);
}

TEST_F(SmallEncoding, RefusesTokensItDoesNotHave) {
  const std::vector<Token> tokens{1, 264};
  expect_error([&] { return encoder_->decode(tokens); }, ExitCode::kData,
               "token 1 is 264: the vocabulary has 264 tokens");
}

TEST(FirstPiece, FollowsThePattern) {
  const auto pieces = [](std::string_view text) {
    std::vector<std::string> all;
    while (!text.empty()) {
      all.emplace_back(text.substr(0, first_piece(text)));
      text.remove_prefix(all.back().size());
    }
    return all;
  };
  using Pieces = std::vector<std::string>;
  EXPECT_EQ(pieces("I'll say's"), (Pieces{"I", "'ll", " say", "'s"}));
  EXPECT_EQ(pieces("'lx 'S 's"), (Pieces{"'", "lx", " '", "S", " '", "s"}));
  EXPECT_EQ(pieces("a  b \n c\t"), (Pieces{"a", " ", " b", " \n", " c", "\t"}));
  EXPECT_EQ(pieces("x12 34...\u00b2  "), (Pieces{"x", "12", " 34", "...", "\u00b2", "  "}));
  EXPECT_EQ(pieces("\u00a0a\u3000\u3000a"), (Pieces{"\u00a0", "a", "\u3000", "\u3000", "a"}));
}

/// What breaks a vocabulary, and what is said about it.
class BrokenVocabulary : public testing::Test {
 protected:
  void expect(const std::string& part) const {
    expect_error([&] { return load_byte_pair_vocabulary(folder_.path()); }, ExitCode::kData, part);
  }
  void encoder(std::string text, const std::string& what, const std::string& by) const {
    const auto at = text.find(what);
    ASSERT_NE(at, std::string::npos);
    folder_.write("encoder.json", text.replace(at, what.size(), by));
  }
  DataFolder folder_;
  SmallVocabulary good_;
};

TEST_F(BrokenVocabulary, MissingOrEmptyFiles) {
  expect("encoder.json is missing. HINT");
  folder_.write("encoder.json", good_.encoder_text());
  expect("vocab.bpe is missing. HINT");
  folder_.write("vocab.bpe", "");
  expect("vocab.bpe is empty");
}

TEST_F(BrokenVocabulary, EncoderThatIsNoVocabulary) {
  good_.write(folder_);
  EXPECT_EQ(load_byte_pair_vocabulary(folder_.path()).tokens.size(), 256 + good_.merges.size() + 1);
  const auto text = good_.encoder_text();
  for (const std::size_t cut : {std::size_t{1}, text.size() / 2, text.size() - 1}) {
    folder_.write("encoder.json", text.substr(0, cut));
    expect("is not valid JSON");
  }
  folder_.write("encoder.json", text + "}");
  expect("is not valid JSON");
  folder_.write("encoder.json", std::string(100000, '['));
  expect("holds a list");
  folder_.write("encoder.json", "7");
  expect("holds a number");
  encoder(text, "\"b\": 98", "\"b\": {\"c\": 98}");
  expect("holds an object at token 'b'");
  encoder(text, "\"b\": 98", "\"b\": -98");
  expect("holds a negative number at token 'b'");
  encoder(text, "\"b\": 98", "\"b\": 98.5");
  expect("holds a fraction at token 'b'");
  encoder(text, "\"b\": 98", "\"b\": \"98\"");
  expect("holds a text at token 'b'");
}

TEST_F(BrokenVocabulary, NumbersThatDoNotFit) {
  good_.write(folder_);
  const auto text = good_.encoder_text();
  encoder(text, "\"b\": 98", "\"b\": 99");
  expect("gives 'b' and 'c' the same number 99");
  encoder(text, "\"b\": 98", "\"b\": 264");
  expect("the token 'b' the number 264: 264 tokens must have the numbers 0 to 263");
  encoder(text, "\"b\": 98", "\"b\": 18446744073709551615");
  expect("the number 18446744073709551615");
  encoder(text, "\"b\": 98", "\"b\": 98, \"b\": 98");
  expect("has the token 'b' twice");
  encoder(text, "\"b\"", "\"b\\n \"");
  expect("names the token 'b', which encoder.json lacks");
  std::string many = "{";
  for (int i = 0; i <= 65536; ++i) many += fmt::format("{}\"{}\": {}", i > 0 ? "," : "", i, i);
  folder_.write("encoder.json", many + "}");
  expect("more than 65536 tokens");
}

TEST_F(BrokenVocabulary, TokensThatAreNoneOrLeftOut) {
  good_.write(folder_);
  const auto text = good_.encoder_text();
  encoder(text, "\"!\": 33", "\"\u4e2d\": 33");
  expect("token 33 is not spelled in the characters that stand for bytes");
  encoder(text, "\"!\": 33", "\"\": 33");
  expect("token 33 is not spelled");
  encoder(text, "\"!\": 33", "\"!!\": 33");
  expect("no line makes the token '!!', which is number 33");
  encoder(text, ", \"<|endoftext|>\": 263", "");
  expect("has no token <|endoftext|>");
}

TEST_F(BrokenVocabulary, MergesThatDoNotFit) {
  good_.write(folder_);
  const auto merges = good_.merges_text();
  folder_.write("vocab.bpe", merges.substr(0, merges.size() - 6));
  expect("no line makes the token");
  folder_.write("vocab.bpe", merges + "a z\n");
  expect("vocab.bpe: line 9 names the token 'az', which encoder.json lacks");
  folder_.write("vocab.bpe", merges + "a \u4e2d\n");
  expect("line 9 names the token '\u4e2d'");
  folder_.write("vocab.bpe", merges + "a b\n");
  expect("line 9 makes 'ab', as an earlier line does");
  folder_.write("vocab.bpe", merges + "\n");
  expect("line 9 is not two tokens with a space between them");
  folder_.write("vocab.bpe", merges + "a b c\n");
  expect("line 9 is not two tokens");
  folder_.write("vocab.bpe", std::string("\x00\xFF\x01 \xFE\n", 6));
  expect("line 1 names the token '(not text)'");
}

TEST_F(BrokenVocabulary, AnyDamageIsAnErrorOrAVocabulary) {
  std::mt19937 draw(4);
  const std::string good[] = {good_.encoder_text(), good_.merges_text()};
  int refused = 0;
  for (int trial = 0; trial < 800; ++trial) {
    std::string texts[] = {good[0], good[1]};
    auto& text = texts[trial % 2];
    for (auto changes = 1 + draw() % 3; changes > 0 && !text.empty(); --changes) {
      const auto at = draw() % text.size();
      const auto kind = draw() % 4;
      if (kind == 0) text[at] = static_cast<char>(draw());
      if (kind == 1) text.erase(at, 1 + draw() % 5);
      if (kind == 2) text.insert(at, text.substr(draw() % text.size(), draw() % 20));
      if (kind == 3) text.resize(at + 1);
    }
    folder_.write("encoder.json", texts[0]);
    folder_.write("vocab.bpe", texts[1]);
    try {
      const BytePairEncoder encoder(load_byte_pair_vocabulary(folder_.path()));
      const std::string sample = "abc cc \xFF a  bc";
      EXPECT_EQ(encoder.decode(encoder.encode(sample)), sample);
    } catch (const Error& error) {
      ++refused;
      EXPECT_EQ(error.code(), ExitCode::kData) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
  EXPECT_GT(refused, 600);
}

}  // namespace
}  // namespace laser
