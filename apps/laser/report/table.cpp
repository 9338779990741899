#include "laser/report/table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace laser {
namespace {

// Characters, not bytes: every UTF-8 byte that doesn't continue a character starts one.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string padded(std::string_view text, std::size_t to) {
  std::string result(text);
  result.append(to > width(text) ? to - width(text) : 0, ' ');
  return result;
}

const std::string& cell_text(const TableLine& line, std::size_t column) {
  static const std::string none;
  return column < line.cells.size() ? line.cells[column].text : none;
}

std::size_t label_width(const Table& table) {
  std::size_t widest = table.header.empty() ? 0 : width(table.header[0]);
  for (const TableLine& line : table.lines) widest = std::max(widest, width(line.label));
  return widest;
}

std::size_t cell_width(const Table& table, std::size_t column) {
  std::size_t widest = width(table.header[column + 1]);
  for (const TableLine& line : table.lines) {
    if (!line.spanning) widest = std::max(widest, width(cell_text(line, column)));
  }
  return widest;
}

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

// The columns `first` .. `last` - 1 of the table.
std::string text_block(const Table& table, std::size_t first, std::size_t last) {
  constexpr std::string_view kGap = "   ";
  const std::size_t labels = label_width(table);
  std::string head = padded(table.header[0], labels);
  std::size_t total = labels;
  for (std::size_t column = first; column < last; ++column) {
    head.append(kGap).append(padded(table.header[column + 1], cell_width(table, column)));
    total += kGap.size() + cell_width(table, column);
  }
  const std::string rule = std::string(total, '-') + "\n";
  std::string text = trimmed(head) + rule;
  for (const TableLine& line : table.lines) {
    if (line.apart) text += rule;
    std::string row = padded(line.label, labels);
    if (line.spanning) row.append(kGap).append(cell_text(line, 0));
    for (std::size_t column = first; !line.spanning && column < last; ++column) {
      row.append(kGap).append(padded(cell_text(line, column), cell_width(table, column)));
    }
    text += trimmed(row);
  }
  return text;
}

}  // namespace

std::string wrap(std::string_view text, std::string_view indent) {
  std::string result;
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, space);
    if (used > 0 && used + 1 + width(word) > kTextWidth) {
      result.append("\n").append(indent);
      used = indent.size();
    } else if (!result.empty()) {
      result += ' ';
      ++used;
    }
    result += word;
    used += width(word);
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return result;
}

std::string to_text(const Table& table) {
  std::string text = table.title + "\n" + (table.caption.empty() ? "" : wrap(table.caption, "") + "\n");
  const std::size_t columns = table.header.size() - 1;
  std::size_t first = 0;
  do {
    std::size_t used = label_width(table);
    std::size_t last = first;
    while (last < columns && (last == first || used + 3 + cell_width(table, last) <= kTextWidth)) {
      used += 3 + cell_width(table, last++);
    }
    text.append("\n").append(text_block(table, first, last));
    first = last;
  } while (first < columns);
  return text;
}

std::string to_markdown(const Table& table) {
  const std::size_t columns = table.header.size() - 1;
  std::string text = fmt::format("### {}\n\n", escape_markdown(table.title));
  if (!table.caption.empty()) text.append(escape_markdown(table.caption)).append("\n\n");
  std::string rule = "|";
  text += "|";
  for (std::size_t column = 0; column <= columns; ++column) {
    text += fmt::format(" {} |", escape_markdown(table.header[column]));
    rule += column == 0 ? "---|" : "---:|";
  }
  text += fmt::format("\n{}\n", rule);
  for (const TableLine& line : table.lines) {
    text += fmt::format("| {} |", escape_markdown(line.label));
    for (std::size_t column = 0; column < columns; ++column) {
      // Markdown can't span columns, so a spanning cell is repeated.
      const std::size_t from = line.spanning ? 0 : column;
      const bool bold =
          from < line.cells.size() && line.cells[from].emphasis && !line.cells[from].text.empty();
      const std::string cell = escape_markdown(cell_text(line, from));
      text += bold ? fmt::format(" **{}** |", cell) : fmt::format(" {} |", cell);
    }
    text += "\n";
  }
  return text;
}

std::string escape_markdown(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '|' || c == '*' || c == '_' || c == '<' || c == '`') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

}  // namespace laser
