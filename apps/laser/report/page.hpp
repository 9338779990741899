// The page that every command with results writes: one file that needs no network and no other file, legible
// on a phone, on a wide screen, in the dark and on paper. What is wider than the page scrolls in a box of its
// own. It knows headings, sentences, tables and figures, not what they are about.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "laser/report/origin.hpp"
#include "laser/report/table.hpp"

namespace laser {

/// A figure of a page.
struct InlineFigure {
  std::string caption;
  std::string svg;  // as a file holds it; prolog, metadata and name spaces are removed here
};

/// Built from the top. All texts are escaped here.
class Page {
 public:
  Page(std::string_view title, std::string_view subtitle, const Origin& origin);
  /// The result, before all tables: the first sentence in large letters.
  void conclude(const std::vector<std::string>& sentences);
  /// Something that is wrong with the result.
  void warn(std::string_view sentence);
  void add(const Table& table);
  void add(const InlineFigure& figure);
  void add_list(std::string_view heading, const std::vector<std::string>& items);
  /// A table that is seen where it is opened.
  void fold(const Table& table);
  /// The whole page.
  [[nodiscard]] std::string text() const;

 private:
  std::string title_, body_;
};

/// A table with its caption below it, outside of the box that scrolls.
std::string to_html(const Table& table);

/// An SVG document as an element of an HTML page: without what only a file of its own needs.
std::string inline_svg(std::string_view document);

/// Text as HTML content or attribute value: & < > " ' are replaced.
std::string escape_html(std::string_view text);

}  // namespace laser
