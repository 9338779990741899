#include "laser/core/number_or_word.hpp"

#include <algorithm>
#include <cmath>

#include "laser/core/fail.hpp"
#include "laser/core/options.hpp"

namespace laser {

std::optional<double> number_or_word(const std::string& option, const std::string& text,
                                     const std::vector<std::string>& words, double low, double high) {
  if (text.empty()) return 0.0;
  if (std::ranges::find(words, text) != words.end()) return {};
  double value = 0;
  OptionList list;
  list.add_real(option, value, low, high, false, "", "");
  try {
    list.set(option, text);
  } catch (const Error&) {
    std::string known;
    for (const auto& word : words) known += fmt::format("'{}' nor ", word);
    fail(ExitCode::kConfiguration, "{} = '{}' is neither {}a number from {} to {}. HINT: {}={}", option, text,
         known, low, high, option, words.empty() ? number_text(low) : words.front());
  }
  return value;
}

}  // namespace laser
