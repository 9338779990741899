// WikiText-2 and WikiText-103: Wikipedia articles in three text files, as tokens of GPT-2's vocabulary.
//
// As in the paper's code each file is one text, encoded as it is: headings, blank lines and <unk> included,
// no end-of-text tokens between articles. Any other text in three files of these names can be read too.
#pragma once

#include <filesystem>
#include <vector>

#include "laser/data/byte_pair_encoder.hpp"
#include "laser/data/token_file.hpp"

namespace laser {

struct WikiText {
  TokenFile train;
  TokenFile validation;
  TokenFile test;
};

/// Opens train.txt, valid.txt and test.txt in `folder`; their tokens are kept in one of the folders `caches`
/// (token_file.hpp). Throws Error (data) if a file is missing, empty or not text, Error (I/O) if the tokens
/// can't be written.
[[nodiscard]] WikiText load_wikitext(const std::filesystem::path& folder,
                                     const std::vector<std::filesystem::path>& caches,
                                     const BytePairEncoder& encoder);

}  // namespace laser
