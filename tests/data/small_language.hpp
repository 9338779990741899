// A folder of data sets for tests of language models: a vocabulary of 263 tokens and three texts of the
// letters a, b and c.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>

#include "byte_pair_files.hpp"
#include "laser/core/random.hpp"
#include "laser/hash/sha256.hpp"

namespace laser {

class SmallLanguage {
 public:
  SmallLanguage() {
    std::filesystem::create_directories(folder_.path() / "gpt2-bpe");
    std::filesystem::create_directories(folder_.path() / "wikitext-2");
    const SmallVocabulary vocabulary;
    folder_.write("gpt2-bpe/encoder.json", vocabulary.encoder_text());
    folder_.write("gpt2-bpe/vocab.bpe", vocabulary.merges_text());
    write("train.txt", letters(1, 4000));
    write("valid.txt", letters(2, 1500));
    write("test.txt", letters(3, 100));
    vouch("gpt2-bpe");
  }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  /// Replaces one of the texts.
  void write(const std::string& name, const std::string& text) const {
    folder_.write("wikitext-2/" + name, text);
    vouch("wikitext-2");
  }

 private:
  static std::string letters(std::uint64_t seed, std::uint32_t count) {
    std::string text;
    for (std::uint32_t i = 0; i < count; ++i)
      text += "abc \n"[random_block({seed, Purpose::kTest, 0, 0, 0}, i)[0] % 5];
    return text;
  }
  /// Says that the files of a set are meant to be as they are.
  void vouch(const std::string& set) const {
    std::string sums;
    for (const char* name : {"encoder.json", "vocab.bpe", "train.txt", "valid.txt", "test.txt"}) {
      std::ifstream stream(path() / set / name, std::ios::binary);
      if (!stream) continue;
      const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
      sums += sha256_hex(std::as_bytes(std::span(text))) + "  " + name + "\n";
    }
    folder_.write(set + "/SHA256SUMS", sums);
  }

  DataFolder folder_;
};

}  // namespace laser
