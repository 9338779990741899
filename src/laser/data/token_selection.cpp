#include "laser/data/token_selection.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "laser/core/fail.hpp"

namespace laser {

TokenSelection::TokenSelection(std::span<const Token> text, std::int64_t size) {
  constexpr std::size_t kTokens = std::numeric_limits<Token>::max() + std::size_t{1};
  LASER_CHECK(size >= 2 && size <= static_cast<std::int64_t>(kTokens));
  std::vector<std::int64_t> counts(kTokens);
  for (const Token token : text) ++counts[token];
  std::vector<std::size_t> order(kTokens);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater{}, [&](std::size_t token) { return counts[token]; });
  const auto others = static_cast<std::size_t>(size) - 1;
  numbers_.assign(kTokens, static_cast<Token>(others));
  for (std::size_t i = 0; i < others; ++i) numbers_[order[i]] = static_cast<Token>(i);
}

std::vector<Token> TokenSelection::apply(std::span<const Token> tokens) const {
  std::vector<Token> result;
  result.reserve(tokens.size());
  for (const Token token : tokens) result.push_back(numbers_[token]);
  return result;
}

}  // namespace laser
