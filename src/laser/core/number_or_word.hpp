// An option that is a number or one of a few words ("0.3" or "auto"): what its text means.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace laser {

/// The number that `text` says, 0 where it is empty; nothing where it is one of `words`. Throws Error
/// (configuration), naming the option, unless it is one of them or a number from `low` to `high`.
std::optional<double> number_or_word(const std::string& option, const std::string& text,
                                     const std::vector<std::string>& words, double low, double high);

}  // namespace laser
