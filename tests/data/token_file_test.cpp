// Token files and the texts they are made from: whole, stale, damaged; windows into them.
#include "laser/data/token_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <set>

#include "../power/expect_error.hpp"
#include "byte_pair_files.hpp"
#include "laser/data/text_windows.hpp"
#include "laser/data/wikitext.hpp"
#include "token_files.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;

class TokenFiles : public testing::Test {
 protected:
  TokenFiles() {
    SmallVocabulary().write(folder_);
    encoder_ = std::make_unique<BytePairEncoder>(load_byte_pair_vocabulary(folder_.path()));
  }
  [[nodiscard]] fs::path at(const std::string& name) const { return folder_.path() / name; }
  [[nodiscard]] std::vector<fs::path> cached() const {
    std::vector<fs::path> names;
    for (const auto& entry : fs::directory_iterator(at("cache"))) names.push_back(entry.path());
    return names;
  }
  [[nodiscard]] std::string content(const fs::path& path) const {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }
  void expect_refused(const std::string& bytes, const std::string& part) const {
    folder_.write("wrong.tokens", bytes);
    expect_error([&] { return TokenFile(at("wrong.tokens"), encoder_->vocabulary()); }, ExitCode::kData,
                 part);
  }
  DataFolder folder_;
  std::unique_ptr<BytePairEncoder> encoder_;
};

TEST_F(TokenFiles, HoldTheTokensOfTheText) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += i % 7 ? "abc cc \u00e9\n" : " bc'll abc ";
  folder_.write("text.txt", text);
  const auto file = tokens_of_text(at("text.txt"), {at("cache")}, *encoder_);
  const std::vector<Token> tokens(file.tokens().begin(), file.tokens().end());
  EXPECT_EQ(tokens, encoder_->encode(text));
  EXPECT_EQ(content(cached().at(0)).size(), 96 + 2 * tokens.size());
}

TEST_F(TokenFiles, TextsLongerThanAChunkAreTheSame) {
  std::string text;
  while (text.size() < (17u << 20)) text += "abc cc ab  abcc\nbcb ";
  folder_.write("text.txt", text);
  write_token_file(at("text.txt"), at("text.tokens"), *encoder_);
  const TokenFile file(at("text.tokens"), encoder_->vocabulary());
  EXPECT_EQ(std::vector<Token>(file.tokens().begin(), file.tokens().end()), encoder_->encode(text));
}

TEST_F(TokenFiles, AreMadeOnceAndAgainWhereTheyDoNotFit) {
  folder_.write("text.txt", "abc abc");
  const auto open = [&] { return tokens_of_text(at("text.txt"), {at("cache")}, *encoder_); };
  open();
  ASSERT_EQ(cached().size(), 1u);
  const auto path = cached()[0];
  const auto good = content(path);
  const auto made = fs::last_write_time(path) - std::chrono::hours(1);
  fs::last_write_time(path, made);
  open();
  EXPECT_EQ(fs::last_write_time(path), made);  // found, not made
  std::ofstream(path, std::ios::binary) << good.substr(0, good.size() - 1);
  const auto file = open();
  EXPECT_EQ(encoder_->decode(file.tokens()), "abc abc");
  EXPECT_EQ(content(path), good);
  folder_.write("text.txt", "abc abd");
  EXPECT_EQ(encoder_->decode(open().tokens()), "abc abd");
  EXPECT_EQ(encoder_->decode(file.tokens()), "abc abc");  // the old mapping stays
  EXPECT_EQ(cached().size(), 2u);                         // and nothing temporary is left
}

TEST_F(TokenFiles, AreRefusedWhereAnythingIsWrong) {
  folder_.write("text.txt", "abc abc");
  write_token_file(at("text.txt"), at("good.tokens"), *encoder_);
  const auto good = content(at("good.tokens"));
  expect_refused("", "is no token file: it has only 0 bytes");
  expect_refused(good.substr(0, 95), "it has only 95 bytes");
  const auto with = [&](std::size_t place, char value) {
    auto bytes = good;
    bytes[place] = value;
    return bytes;
  };
  expect_refused(with(0, 'X'), "is no token file");
  expect_refused(with(8, 2), "version 2 of the format");
  expect_refused(with(12, 1), "another vocabulary");
  expect_refused(with(40, static_cast<char>(good[40] ^ 1)), "another vocabulary");
  expect_refused(with(16, 100), "should hold 100 tokens");
  expect_refused(with(23, '\x80'), "should hold 9223372036854775");  // a count near 2^63
  expect_refused(good + "x", "should hold");
  expect_refused(with(97, '\x40'), "holds the token 16");
  expect_refused(with(96, static_cast<char>(good[96] ^ 1)), "checksum differs");
  expect_error([&] { return TokenFile(at("none.tokens"), encoder_->vocabulary()); }, ExitCode::kData,
               "none.tokens");
}

TEST_F(TokenFiles, TextsThatAreNoneAreRefused) {
  const auto expect = [&](const std::string& bytes, const std::string& part) {
    folder_.write("text.txt", bytes);
    expect_error([&] { return tokens_of_text(at("text.txt"), {at("cache")}, *encoder_); }, ExitCode::kData,
                 part);
  };
  expect("", "text.txt is empty");
  expect(std::string("ab\0c", 4), "text.txt is not text: byte 2 is 0x00, which no text holds");
  expect(
      "abcd\xFF"
      "efgh",
      "byte 4 is 0xff, which is not valid UTF-8 there");
  expect("caf\xE9 latin", "byte 3 is 0xe9");
  fs::create_directory(at("folder"));
  expect_error([&] { return tokens_of_text(at("folder"), {at("cache")}, *encoder_); }, ExitCode::kData,
               "it is a folder");
  EXPECT_FALSE(fs::exists(at("cache")));
}

TEST_F(TokenFiles, AFolderThatCannotBeWrittenIsAnInputOutputError) {
  folder_.write("text.txt", "abc");
  folder_.write("cache", "a file where the folder should be");
  expect_error([&] { return tokens_of_text(at("text.txt"), {at("cache")}, *encoder_); }, ExitCode::kIo,
               "cache");
}

TEST_F(TokenFiles, GoIntoTheFirstFolderThatCanBeWritten) {
  folder_.write("text.txt", "abc abc");
  folder_.write("shut", "a file where the folder should be");
  const auto open = [&] { return tokens_of_text(at("text.txt"), {at("shut"), at("cache")}, *encoder_); };
  EXPECT_EQ(encoder_->decode(open().tokens()), "abc abc");
  ASSERT_EQ(cached().size(), 1u);
  const auto made = fs::last_write_time(cached()[0]) - std::chrono::hours(1);
  fs::last_write_time(cached()[0], made);
  open();
  EXPECT_EQ(fs::last_write_time(cached()[0]), made);  // found there again
  expect_error(
      [&] {
        return tokens_of_text(at("text.txt"), {at("shut"), at("text.txt")}, *encoder_);
      },
      ExitCode::kIo, "HINT: set XDG_CACHE_HOME");
}

TEST_F(TokenFiles, WikiTextIsThreeFiles) {
  folder_.write("train.txt", "abc abc abc");
  folder_.write("valid.txt", "abc ");
  expect_error([&] { return load_wikitext(folder_.path(), {at("cache")}, *encoder_); }, ExitCode::kData,
               "test.txt is missing. HINT");
  folder_.write("test.txt", " ab");
  const auto text = load_wikitext(folder_.path(), {at("cache")}, *encoder_);
  EXPECT_EQ(encoder_->decode(text.train.tokens()), "abc abc abc");
  EXPECT_EQ(encoder_->decode(text.validation.tokens()), "abc ");
  EXPECT_EQ(encoder_->decode(text.test.tokens()), " ab");
}

TEST(TextWindows, AreUniformOverAllPlaces) {
  constexpr std::int64_t kTokens = 20, kLength = 4, kDraws = 64000;
  std::map<std::int64_t, int> counts;
  for (const auto start : draw_windows(kTokens, kLength, kDraws, training_windows(7, 3, 1, 2)))
    ++counts[start];
  ASSERT_EQ(counts.size(), 16u);
  EXPECT_EQ(counts.begin()->first, 0);
  EXPECT_EQ(counts.rbegin()->first, kTokens - kLength - 1);
  // Binomial(64000, 1/16): standard deviation 61; five of them at a fixed seed.
  for (const auto& [start, count] : counts) EXPECT_NEAR(count, 4000, 5 * 61.3) << start;
}

TEST(TextWindows, AreAFunctionOfTheirAddress) {
  const auto draw = [](const StreamKey& key, std::int64_t count = 8) {
    return draw_windows(118'000'000, 512, count, key);
  };
  const auto first = draw(training_windows(1, 5, 0, 0));
  EXPECT_EQ(draw(training_windows(1, 5, 0, 0)), first);
  const auto more = draw(training_windows(1, 5, 0, 0), 20);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), more.begin()));
  std::set<std::vector<std::int64_t>> all{first};
  for (const auto& key :
       {training_windows(2, 5, 0, 0), training_windows(1, 6, 0, 0), training_windows(1, 5, 1, 0),
        training_windows(1, 5, 0, 1), evaluation_windows(1, 5)}) {
    EXPECT_TRUE(all.insert(draw(key)).second);
  }
}

TEST(TextWindows, TargetsAreOneFurther) {
  const std::vector<Token> tokens{10, 11, 12, 13, 14, 15, 16};
  const std::vector<std::int64_t> starts{3, 0};
  std::vector<std::int64_t> inputs(6), targets(6);
  copy_windows(tokens, starts, 3, inputs, targets);
  EXPECT_EQ(inputs, (std::vector<std::int64_t>{13, 14, 15, 10, 11, 12}));
  EXPECT_EQ(targets, (std::vector<std::int64_t>{14, 15, 16, 11, 12, 13}));
}

TEST(TextWindows, ConsecutiveOnesCoverTheText) {
  EXPECT_EQ(consecutive_windows(13, 4), (std::vector<std::int64_t>{0, 4, 8}));
  EXPECT_EQ(consecutive_windows(12, 4), (std::vector<std::int64_t>{0, 4}));
  EXPECT_EQ(consecutive_windows(5, 4), (std::vector<std::int64_t>{0}));
}

TEST(TextWindows, NeedATextThatIsLongEnough) {
  EXPECT_EQ(draw_windows(5, 4, 2, {}), (std::vector<std::int64_t>{0, 0}));
  expect_error([] { return draw_windows(4, 4, 1, {}); }, ExitCode::kData,
               "the text has 4 tokens, and a window of 4 needs one more");
  expect_error([] { return consecutive_windows(0, 4); }, ExitCode::kData, "the text has 0 tokens");
}

}  // namespace
}  // namespace laser
