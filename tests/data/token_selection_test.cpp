// The most frequent tokens keep their identity, the others become one.
#include "laser/data/token_selection.hpp"

#include <gtest/gtest.h>

namespace laser {
namespace {

using Tokens = std::vector<Token>;

TEST(TokenSelection, NumbersByFrequencyAndJoinsTheRest) {
  const Tokens text{7, 7, 7, 9, 9, 2, 2, 65535, 0};
  const TokenSelection selection(text, 4);
  EXPECT_EQ(selection.apply(text), (Tokens{0, 0, 0, 2, 2, 1, 1, 3, 3})) << "of 2 and 9 the lower comes first";
  EXPECT_EQ(selection.apply(Tokens{5, 7, 50000}), (Tokens{3, 0, 3})) << "tokens that the text lacks";
}

TEST(TokenSelection, ALargeOneKeepsEveryTokenApart) {
  const Tokens text{4, 1, 1};
  const TokenSelection selection(text, 65536);
  EXPECT_EQ(selection.apply(Tokens{1, 4, 0, 2, 3, 5}), (Tokens{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(selection.apply(Tokens{65535}), (Tokens{65535}));
}

}  // namespace
}  // namespace laser
