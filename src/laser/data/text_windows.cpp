#include "laser/data/text_windows.hpp"

#include <algorithm>

#include "laser/core/fail.hpp"

namespace laser {
namespace {

constexpr std::uint32_t kEvaluation = 0xFFFFFF;  // the last layer number: no accumulation step gets there

void require_window(std::int64_t tokens, std::int64_t length) {
  if (tokens <= length) {
    fail(ExitCode::kData,
         "the text has {} tokens, and a window of {} needs one more than that. HINT: use a longer text or a "
         "shorter context",
         tokens, length);
  }
}

}  // namespace

StreamKey training_windows(std::uint64_t seed, std::int64_t round, std::int64_t step, std::int64_t worker) {
  LASER_CHECK(step >= 0 && step < kEvaluation);
  return {seed, Purpose::kWindows, static_cast<std::uint32_t>(round), static_cast<std::uint32_t>(step),
          static_cast<std::uint32_t>(worker)};
}

StreamKey evaluation_windows(std::uint64_t seed, std::int64_t batch) {
  return {seed, Purpose::kWindows, static_cast<std::uint32_t>(batch), kEvaluation, 0};
}

std::vector<std::int64_t> draw_windows(std::int64_t tokens, std::int64_t length, std::int64_t count,
                                       const StreamKey& key) {
  LASER_CHECK(length > 0 && count >= 0);
  require_window(tokens, length);
  const auto places = static_cast<std::uint64_t>(tokens - length);
  std::vector<std::int64_t> starts;
  for (std::int64_t i = 0; i < count; ++i) {
    // 64 bits a window: with 32, places in a text of 100 million tokens would not be equally likely.
    const auto words = random_block(key, static_cast<std::uint32_t>(i));
    __extension__ using Wide = unsigned __int128;
    const auto number = std::uint64_t{words[0]} << 32 | words[1];
    starts.push_back(static_cast<std::int64_t>(Wide{number} * places >> 64));
  }
  return starts;
}

std::vector<std::int64_t> consecutive_windows(std::int64_t tokens, std::int64_t length) {
  LASER_CHECK(length > 0);
  require_window(tokens, length);
  std::vector<std::int64_t> starts;
  for (std::int64_t start = 0; start + length < tokens; start += length) starts.push_back(start);
  return starts;
}

void copy_windows(std::span<const Token> tokens, std::span<const std::int64_t> starts, std::int64_t length,
                  std::span<std::int64_t> inputs, std::span<std::int64_t> targets) {
  const auto size = static_cast<std::size_t>(length);
  LASER_CHECK(inputs.size() == starts.size() * size && targets.size() == inputs.size());
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto start = static_cast<std::size_t>(starts[i]);
    LASER_CHECK(starts[i] >= 0 && start + size < tokens.size());
    const auto window = tokens.subspan(start, size + 1);
    std::copy_n(window.begin(), size, inputs.begin() + static_cast<std::ptrdiff_t>(i * size));
    std::copy_n(window.begin() + 1, size, targets.begin() + static_cast<std::ptrdiff_t>(i * size));
  }
}

}  // namespace laser
