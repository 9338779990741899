#include "mutation.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace laser::hostile {
namespace {

constexpr std::uint64_t kEdges[] = {0,          1,
                                    127,        128,
                                    255,        256,
                                    32767,      65535,
                                    65536,      (1ull << 31) - 1,
                                    1ull << 31, (1ull << 32) - 1,
                                    1ull << 32, (1ull << 63) - 1,
                                    1ull << 63, ~0ull,
                                    ~0ull - 7};

constexpr std::string_view kTexts[] = {"-1",
                                       "0",
                                       "-0",
                                       "1.5",
                                       "2147483647",
                                       "4294967296",
                                       "9007199254740993",
                                       "9223372036854775807",
                                       "18446744073709551615",
                                       "18446744073709551616",
                                       "-9223372036854775808",
                                       "1e308",
                                       "1e999",
                                       "-1e-999",
                                       "null",
                                       "true",
                                       "nan",
                                       "inf",
                                       "\"\"",
                                       "[]",
                                       "{}",
                                       "{\"a\":[{}]}",
                                       "..",
                                       "/",
                                       "\\u0000",
                                       "\\ud800",
                                       "77777777777",
                                       "\n",
                                       "\"\"\"",
                                       "\xFF\xFE",
                                       "\xED\xA0\x80",
                                       "\xF4\x90\x80\x80"};

// SplitMix64 [Steele et al. 2014]: no library's distribution, which may differ between libraries.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ull + 1) {}
  std::uint64_t word() {
    state_ += 0x9E3779B97F4A7C15ull;
    auto z = state_;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
  }
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(word() % limit); }

 private:
  std::uint64_t state_;
};

void flip_bits(std::string& file, Dice& dice) {
  for (auto flips = 1 + dice.below(8); flips > 0 && !file.empty(); --flips) {
    auto& byte = file[dice.below(file.size())];
    byte = static_cast<char>(byte ^ 1 << dice.below(8));
  }
}

void write_edge(std::string& file, Dice& dice) {
  const auto value = kEdges[dice.below(std::size(kEdges))];
  const std::size_t bytes = std::size_t{1} << dice.below(4);
  if (file.size() < bytes) return;
  auto at = dice.below(file.size() - bytes + 1);
  if (dice.below(2) == 0)
    at = std::min<std::size_t>(at % 64 / bytes * bytes, file.size() - bytes);  // a header
  const bool big = dice.below(2) == 0;
  for (std::size_t i = 0; i < bytes; ++i)
    file[at + i] = static_cast<char>(value >> 8 * (big ? bytes - 1 - i : i));
}

/// A number written in digits becomes another text.
void replace_digits(std::string& file, Dice& dice) {
  constexpr auto kDigits = "0123456789";
  auto first = file.find_first_of(kDigits, dice.below(file.size()));
  if (first == std::string::npos) first = std::min(file.size(), dice.below(file.size() + 1));
  const auto last = std::min(file.find_first_not_of(kDigits, first), file.size());
  file.replace(first, last - first, kTexts[dice.below(std::size(kTexts))]);
}

void change_block(std::string& file, Dice& dice) {
  const auto first = dice.below(file.size());
  const auto size = 1 + dice.below(std::min<std::size_t>(file.size() - first, 1 + dice.below(200)));
  const auto block = file.substr(first, size);
  const auto place = dice.below(file.size() + 1);
  switch (dice.below(4)) {
    case 0:
      file.erase(first, size);
      break;
    case 1:
      file.insert(place, block);
      break;
    case 2: {  // many times, the file at most ten times as long
      const auto times = 1 + dice.below(std::min<std::size_t>(1000, 9 * file.size() / size));
      std::string many;
      for (std::size_t i = 0; i < times; ++i) many += block;
      file.insert(first, many);
      break;
    }
    default:
      file.erase(first, size);
      file.insert(std::min(place, file.size()), block);
  }
}

void insert_bytes(std::string& file, Dice& dice) {
  std::string bytes;
  for (auto count = 1 + dice.below(16); count > 0; --count) bytes += static_cast<char>(dice.word());
  file.insert(dice.below(file.size() + 1), bytes);
}

}  // namespace

std::string damaged(const std::string& file, std::uint64_t number) {
  Dice dice(number);
  auto result = file;
  for (auto times = 1 + dice.below(3); times > 0 && !result.empty(); --times) {
    switch (dice.below(8)) {
      case 0:
      case 1:
        flip_bits(result, dice);
        break;
      case 2:
      case 3:
        write_edge(result, dice);
        break;
      case 4:
        replace_digits(result, dice);
        break;
      case 5:
        change_block(result, dice);
        break;
      case 6:
        insert_bytes(result, dice);
        break;
      default:
        result.resize(dice.below(result.size()));
    }
  }
  return result;
}

}  // namespace laser::hostile
