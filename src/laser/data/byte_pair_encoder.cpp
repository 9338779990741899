#include "laser/data/byte_pair_encoder.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <functional>
#include <limits>
#include <queue>

#include "laser/core/aligned.hpp"
#include "laser/core/fail.hpp"
#include "laser/data/unicode.hpp"

namespace laser {
namespace {

using enum CharacterClass;

constexpr std::uint32_t kNoMerge = std::numeric_limits<std::uint32_t>::max();
constexpr std::size_t kShortPiece = 64;  // from here on the queue is faster

/// Class of each byte that is a character by itself.
constexpr std::array<CharacterClass, 128> kAsciiClasses = [] {
  std::array<CharacterClass, 128> classes{};
  for (std::size_t byte = 0; byte < 128; ++byte) {
    const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    const bool space = byte == ' ' || (byte >= '\t' && byte <= '\r');
    classes[byte] = letter ? kLetter : byte >= '0' && byte <= '9' ? kNumber : space ? kSpace : kOther;
  }
  return classes;
}();

struct ClassedCharacter {
  CharacterClass value;
  std::size_t length;
};

/// The character at `at` where it is not ASCII.
[[gnu::noinline]] ClassedCharacter wide_character_at(std::string_view text, std::size_t at) {
  const auto character = decode_utf8(text.substr(at));
  // A byte that is no character is kept, as punctuation.
  if (character.length == 0) return {kOther, 1};
  return {character_class(character.code), character.length};
}

inline ClassedCharacter character_at(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  return lead < 128 ? ClassedCharacter{kAsciiClasses[lead], 1} : wide_character_at(text, at);
}

/// End of the run of characters of one class that begins at `at`.
std::size_t run_end(std::string_view text, std::size_t at, CharacterClass value) {
  while (at < text.size()) {
    const auto character = character_at(text, at);
    if (character.value != value) break;
    at += character.length;
  }
  return at;
}

/// 2 or 3 if `text` begins with an apostrophe and one of s t m d re ve ll, else 0.
std::size_t contraction(std::string_view text) {
  if (text.size() < 2) return 0;
  const char first = text[1], second = text.size() > 2 ? text[2] : '\0';
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if ((first == 'r' || first == 'v') && second == 'e') return 3;
  return first == 'l' && second == 'l' ? 3 : 0;
}

/// A run of white space leaves its last character to what follows, unless it is all that there is.
std::size_t white_space(std::string_view text) {
  std::size_t end = 0, last = 0;
  while (end < text.size()) {
    const auto character = character_at(text, end);
    if (character.value != kSpace) return last > 0 ? last : end;
    last = end;
    end += character.length;
  }
  return end;
}

}  // namespace

std::size_t first_piece(std::string_view text) {
  if (text[0] == '\'') {
    if (const auto length = contraction(text)) return length;
  }
  auto first = character_at(text, 0);
  if (first.value != kSpace) return run_end(text, first.length, first.value);
  if (text[0] == ' ' && text.size() > 1) {
    const auto second = character_at(text, 1);
    if (second.value != kSpace) return run_end(text, 1 + second.length, second.value);
  }
  return white_space(text);
}

std::size_t cut_before(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text.size();
  // ASCII white space only: a byte of it is a character whatever stands before, so it can
  // be found from behind.
  const auto is_space = [&](std::size_t at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    return byte < 128 && kAsciiClasses[byte] == kSpace;
  };
  const auto is_cut = [&](std::size_t at) {
    const auto before = static_cast<unsigned char>(text[at - 1]);
    return is_space(at) && before < 128 && kAsciiClasses[before] != kSpace;
  };
  for (std::size_t at = limit; at > 0; --at) {
    if (is_cut(at)) return at;
  }
  for (std::size_t at = limit + 1; at < text.size(); ++at) {
    if (is_cut(at)) return at;
  }
  return text.size();
}

/// One text on its way: pieces that came before are looked up, in a cache.
class BytePairEncoder::Run {
 public:
  Run(const BytePairEncoder& encoder, std::size_t text_size)
      : encoder_(encoder),
        bits_(std::clamp(static_cast<int>(std::bit_width(text_size / 16)), 5, 15)),
        cache_(std::size_t{2} << bits_) {}

  std::vector<Token> encode(std::string_view text) {
    std::vector<Token> tokens;
    tokens.reserve(text.size() / 4 + 16);
    while (!text.empty()) {
      const auto length = first_piece(text);
      if (length <= kKeyBytes) {
        append_cached(text, length, tokens);
      } else {
        append_merged(text.substr(0, length), tokens);
      }
      text.remove_prefix(length);
    }
    flush(tokens);
    return tokens;
  }

 private:
  static constexpr std::size_t kKeyBytes = 15;
  static constexpr std::size_t kValues = 7;
  struct Entry {
    std::uint64_t key[2] = {0, 0};  // bytes of the piece, zeros, and in the last byte their number
    Token tokens[kValues] = {};
    Token count = 0;
    [[nodiscard]] bool holds(const std::uint64_t* other) const {
      return key[0] == other[0] && key[1] == other[1];
    }
  };
  static_assert(sizeof(Entry) == 32 && std::endian::native == std::endian::little);

  void append_cached(std::string_view text, std::size_t length, std::vector<Token>& tokens) {
    std::uint64_t key[2] = {0, 0};
    if (text.size() >= 16) {  // reading on is faster than copying just as many
      std::memcpy(key, text.data(), 16);
      const auto low = std::min<std::size_t>(length, 8), high = length - low;
      key[0] &= ~std::uint64_t{0} >> ((64 - 8 * low) & 63);  // no piece is empty: low is 1 to 8
      key[1] &= (std::uint64_t{1} << (8 * high)) - 1;
    } else {
      std::memcpy(key, text.data(), length);
    }
    key[1] |= std::uint64_t{length} << 56;
    // Two places each, in one cache line; what comes new takes the first, and what was there the second.
    const auto hash = (key[0] ^ (key[1] * 0x9E3779B97F4A7C15u)) * 0xD6E8FEB86659FD93u;
    Entry* entry = cache_.data() + 2 * (hash >> (64 - bits_));
    if (!entry->holds(key) && !(++entry)->holds(key)) {
      append_and_remember(text.substr(0, length), key, entry - 1, tokens);
      return;
    }
    if (filled_ + kValues + 1 > buffer_.size()) flush(tokens);
    std::memcpy(buffer_.data() + filled_, entry->tokens, sizeof(entry->tokens));
    filled_ += entry->count;
  }

  void append_and_remember(std::string_view piece, const std::uint64_t* key, Entry* entries,
                           std::vector<Token>& tokens) {
    flush(tokens);
    const auto before = tokens.size();
    append_merged(piece, tokens);
    const auto count = tokens.size() - before;
    if (count > kValues) return;
    entries[1] = entries[0];
    std::copy_n(key, 2, entries[0].key);
    std::copy_n(tokens.begin() + static_cast<std::ptrdiff_t>(before), count, entries[0].tokens);
    entries[0].count = static_cast<Token>(count);
  }

  void append_merged(std::string_view piece, std::vector<Token>& tokens) {
    flush(tokens);
    piece_.clear();
    for (const char c : piece) piece_.push_back(encoder_.byte_tokens_[static_cast<unsigned char>(c)]);
    if (piece_.size() <= kShortPiece) {
      encoder_.merge_short(piece_);
    } else {
      encoder_.merge_long(piece_);
    }
    tokens.insert(tokens.end(), piece_.begin(), piece_.end());
  }

  void flush(std::vector<Token>& tokens) {
    tokens.insert(tokens.end(), buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(filled_));
    filled_ = 0;
  }

  const BytePairEncoder& encoder_;
  int bits_;
  AlignedVector<Entry> cache_;
  std::array<Token, 1024> buffer_{};
  std::size_t filled_ = 0;
  std::vector<Token> piece_;
};

BytePairEncoder::BytePairEncoder(BytePairVocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {
  std::vector<bool> made(vocabulary_.tokens.size());
  for (const auto& merge : vocabulary_.merges) made[merge.merged] = true;
  for (std::size_t number = 0; number < vocabulary_.tokens.size(); ++number) {
    const auto& bytes = vocabulary_.tokens[number];
    if (bytes.size() == 1 && !made[number])
      byte_tokens_[static_cast<unsigned char>(bytes.front())] = static_cast<Token>(number);
  }
  const auto bits = static_cast<int>(std::bit_width(2 * vocabulary_.merges.size() + 1));
  rank_shift_ = 32 - bits;
  ranks_.assign(std::size_t{1} << bits, {0, kNoMerge});
  const auto mask = ranks_.size() - 1;
  for (std::size_t rank = 0; rank < vocabulary_.merges.size(); ++rank) {
    const auto& merge = vocabulary_.merges[rank];
    const auto pair = std::uint32_t{merge.left} << 16 | merge.right;
    auto place = static_cast<std::size_t>(pair * 0x9E3779B9u >> rank_shift_);
    while (ranks_[place].rank != kNoMerge) place = (place + 1) & mask;
    ranks_[place] = {pair, static_cast<std::uint32_t>(rank)};
  }
}

std::uint32_t BytePairEncoder::rank(Token left, Token right) const {
  const auto pair = std::uint32_t{left} << 16 | right;
  const auto mask = ranks_.size() - 1;
  auto place = static_cast<std::size_t>(pair * 0x9E3779B9u >> rank_shift_);
  while (ranks_[place].rank != kNoMerge && ranks_[place].pair != pair) place = (place + 1) & mask;
  return ranks_[place].rank;
}

void BytePairEncoder::merge_short(std::vector<Token>& tokens) const {
  std::array<std::uint32_t, kShortPiece> ranks{};  // of the merge with the right neighbour
  LASER_CHECK(tokens.size() <= ranks.size());
  const auto rank_at = [&](std::size_t i) {
    return i + 1 < tokens.size() ? rank(tokens[i], tokens[i + 1]) : kNoMerge;
  };
  for (std::size_t i = 0; i < tokens.size(); ++i) ranks[i] = rank_at(i);
  while (tokens.size() > 1) {
    const auto used = ranks.begin() + static_cast<std::ptrdiff_t>(tokens.size());
    const auto best = std::min_element(ranks.begin(), used);
    if (*best == kNoMerge) return;
    const auto at = static_cast<std::size_t>(best - ranks.begin());
    tokens[at] = vocabulary_.merges[*best].merged;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    std::copy(best + 2, used, best + 1);
    ranks[at] = rank_at(at);
    if (at > 0) ranks[at - 1] = rank_at(at - 1);
  }
}

void BytePairEncoder::merge_long(std::vector<Token>& tokens) const {
  constexpr auto kGone = std::numeric_limits<std::size_t>::max();
  const auto size = tokens.size();
  std::vector<std::size_t> next(size), before(size);  // a linked list; an index stays where its token began
  struct Candidate {
    std::uint32_t rank;
    std::size_t at;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto rank_at = [&](std::size_t i) {
    return next[i] < size ? rank(tokens[i], tokens[next[i]]) : kNoMerge;
  };
  const auto offer = [&](std::size_t i) {
    if (const auto value = rank_at(i); value != kNoMerge) queue.push({value, i});
  };
  for (std::size_t i = 0; i < size; ++i) {
    next[i] = i + 1;
    before[i] = i - 1;  // wraps at 0, which is never followed
  }
  for (std::size_t i = 0; i < size; ++i) offer(i);
  while (!queue.empty()) {
    const auto [value, at] = queue.top();
    queue.pop();
    // Stale where either token has changed since; a pair of the same rank is the same pair of tokens.
    if (next[at] == kGone || rank_at(at) != value) continue;
    const auto right = next[at];
    tokens[at] = vocabulary_.merges[value].merged;
    next[at] = next[right];
    next[right] = kGone;
    if (next[at] < size) before[next[at]] = at;
    offer(at);
    if (at > 0) offer(before[at]);
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < size; i = next[i]) tokens[kept++] = tokens[i];
  tokens.resize(kept);
}

std::vector<Token> BytePairEncoder::encode(std::string_view text) const {
  return Run(*this, text.size()).encode(text);
}

std::string BytePairEncoder::decode(std::span<const Token> tokens) const {
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= vocabulary_.tokens.size()) {
      fail(ExitCode::kData, "token {} is {}: the vocabulary has {} tokens", i, tokens[i],
           vocabulary_.tokens.size());
    }
    text += vocabulary_.tokens[tokens[i]];
  }
  return text;
}

}  // namespace laser
