// Lists and ranges of numbers as people write them on a command line.
#pragma once

#include <string>
#include <vector>

namespace laser {

/// The parts of `text` between separators; one empty part of an empty text.
std::vector<std::string> split_text(const std::string& text, char separator);

/// The numbers of "250", of a list "1,2,4", or of ranges in it: FROM:TO:log[:POINTS_A_DECADE] (5 by default),
/// FROM:TO:lin[:POINTS] (11), both with their ends, and FROM:TO of whole numbers. Throws Error (usage) that
/// names `name` and the ways.
std::vector<double> read_numbers(const std::string& name, const std::string& text);

}  // namespace laser
