// A token file at a place of one's own, for tests.
#pragma once

#include <filesystem>

#include "laser/data/token_file.hpp"

namespace laser {

/// Writes the tokens of the text file `text` to `path`, as a cache keeps them.
inline void write_token_file(const std::filesystem::path& text, const std::filesystem::path& path,
                             const BytePairEncoder& encoder) {
  const auto cache = path.string() + ".cache";
  (void)tokens_of_text(text, {cache}, encoder);
  std::filesystem::rename(std::filesystem::directory_iterator(cache)->path(), path);
  std::filesystem::remove(cache);
}

}  // namespace laser
