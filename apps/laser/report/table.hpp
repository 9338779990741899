// A table of results as aligned text and as Markdown; page.hpp has its HTML. It knows nothing of runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace laser {

struct Cell {
  std::string text;
  bool emphasis = false;  // bold where the form has it
};

/// One line of a table. A spanning line has one cell that holds for all columns.
struct TableLine {
  std::string label;
  std::vector<Cell> cells;
  bool spanning = false;
  bool apart = false;  // a rule before it
};

struct Table {
  std::string title;
  std::string caption;              // one or two sentences below the title
  std::vector<std::string> header;  // of the label column and of each cell
  std::vector<TableLine> lines;
};

/// Widest line of the text form, in characters; tables with more columns are cut into several blocks.
inline constexpr std::size_t kTextWidth = 80;

/// Breaks a sentence at spaces into lines of at most kTextWidth characters; lines after the
/// first begin with `indent`.
std::string wrap(std::string_view text, std::string_view indent);

/// Aligned text for a terminal.
std::string to_text(const Table& table);

/// GitHub Markdown.
std::string to_markdown(const Table& table);

/// Text as Markdown that shows it letter by letter.
std::string escape_markdown(std::string_view text);

}  // namespace laser
