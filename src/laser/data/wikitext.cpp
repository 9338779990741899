#include "laser/data/wikitext.hpp"

#include "laser/core/fail.hpp"
#include "laser/core/input_file.hpp"

namespace laser {

WikiText load_wikitext(const std::filesystem::path& folder, const std::vector<std::filesystem::path>& caches,
                       const BytePairEncoder& encoder) {
  const auto open = [&](const char* name) {
    const auto path = folder / name;
    if (!is_there(path.string())) {
      fail(ExitCode::kData,
           "{} is missing. HINT: `laser data fetch wikitext-2` (or wikitext-103) brings train.txt, valid.txt "
           "and test.txt; or name the folder that has them",
           path.string());
    }
    return tokens_of_text(path, caches, encoder);
  };
  return {open("train.txt"), open("valid.txt"), open("test.txt")};
}

}  // namespace laser
