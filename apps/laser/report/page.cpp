#include "laser/report/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

namespace laser {
namespace {

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ink: #1c2733; --soft: #55636f; --line: #dde3e9; --page: #f3f5f7;
        --card: #fff; --accent: #c1272d; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ee; --soft: #a3afba; --line: #35404a; --page: #11161b; --card: #1a2128; --accent: #ff7a70; }
  figure svg { filter: invert(1) hue-rotate(180deg); mix-blend-mode: screen; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); overflow-wrap: anywhere;
       font: 16px/1.55 system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.25; letter-spacing: -0.01em;
     border-left: 0.35rem solid var(--accent); padding-left: 0.8rem; }
.origin { margin: 0.5rem 0 1.6rem 1.15rem; color: var(--soft); font-size: 0.9rem; }
.result { margin: 0 0 1.6rem; }
.result p { margin: 0.3rem 0 0; max-width: 60rem; }
.result p:first-child { font-size: 1.35rem; line-height: 1.35; font-weight: 650; text-wrap: balance; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
          padding: 1.1rem 1.4rem 1.3rem; margin: 0 0 1.2rem; }
h2, summary { margin: 0 0 0.5rem; font-size: 1.15rem; font-weight: 650; }
summary { cursor: pointer; margin: 0; }
details > .box { margin-top: 0.7rem; }
.box { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: 0.38rem 0.7rem; text-align: right; border-bottom: 1px solid var(--line);
         white-space: nowrap; vertical-align: top; }
th { font-weight: 500; }
th:first-child { text-align: left; min-width: 6.5rem; white-space: normal; overflow-wrap: anywhere; position: sticky; left: 0;
                 background: var(--card); }
thead th { border-bottom: 2px solid var(--ink); font-weight: 650; white-space: normal; vertical-align: bottom; }
th.words, td.words { text-align: left; white-space: normal; min-width: 7rem; }
td.words { overflow-wrap: anywhere; }
tr.apart th, tr.apart td { border-top: 2px solid var(--line); }
td.span { text-align: center; }
td.names { white-space: normal; min-width: 7rem; }
td strong { font-weight: 700; }
figure { margin: 0; }
figure svg { width: 100%; height: auto; display: block; margin: 0 auto; }
.caption, figcaption { color: var(--soft); font-size: 0.88rem; margin: 0.6rem 0 0; max-width: 60rem; }
code { font-family: ui-monospace, "Liberation Mono", monospace; }
ul { margin: 0; padding-left: 1.2rem; max-width: 60rem; }
.wrong { color: var(--accent); font-weight: 650; }
@media (max-width: 40rem) {
  main { padding: 1.2rem 0.6rem 2rem; }
  h1 { font-size: 1.4rem; }
  .result p:first-child { font-size: 1.15rem; }
  section { padding: 0.8rem 0.8rem 1rem; }
  table { font-size: 0.88rem; }
  th, td { padding: 0.3rem 0.45rem; }
  th:first-child { max-width: 8.5rem; }
}
@media print { body { background: #fff; } section { break-inside: avoid; } .box { overflow: visible; } }
)";

/// Whether a cell is a number, or begins with one, rather than words.
bool is_number(std::string_view text) {
  const auto first = text.find_first_not_of("+-<>=~?. ");
  if (text.starts_with("≤")) return true;
  return first == std::string_view::npos ||
         (std::isdigit(static_cast<unsigned char>(text[first])) != 0 && text.size() <= 40);
}

bool is_words(const Table& table, std::size_t column) {
  return std::ranges::any_of(table.lines, [&](const TableLine& line) {
    return !line.spanning && !line.apart && column < line.cells.size() && !is_number(line.cells[column].text);
  });
}

// Removes every `begin` .. `end` (both included) from the text.
void erase_all(std::string& text, std::string_view begin, std::string_view end) {
  for (std::size_t from = text.find(begin); from != std::string::npos; from = text.find(begin, from)) {
    const std::size_t to = text.find(end, from + begin.size());
    if (to == std::string::npos) return;
    text.erase(from, to + end.size() - from);
  }
}

/// The widths between which a drawing can be read: its letters, 10 pt, from 10 to 15 pixels.
/// Below, its box scrolls.
std::string widths_of(std::string_view svg) {
  constexpr std::string_view kWidth = "width=\"";
  const auto at = svg.find(kWidth);
  if (at == std::string_view::npos) return "";
  const double points = std::strtod(std::string(svg.substr(at + kWidth.size(), 12)).c_str(), nullptr);
  return points > 0 ? fmt::format(" style=\"min-width:{:.0f}px;max-width:{:.0f}px;margin:0 auto\"", points,
                                  1.5 * points)
                    : "";
}

std::string box(std::string_view label, const std::string& content) {
  return fmt::format("<div class=\"box\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">{}</div>\n",
                     escape_html(label), content);
}

}  // namespace

std::string to_html(const Table& table) {
  std::vector<std::string> kinds;  // of the columns of cells
  std::string html = "<table>\n<thead><tr>";
  for (std::size_t i = 0; i < table.header.size(); ++i) {
    const bool words = i > 0 && is_words(table, i - 1);
    if (i > 0) kinds.emplace_back(words ? " class=\"words\"" : "");
    html +=
        fmt::format("<th scope=\"col\"{}>{}</th>", words ? kinds.back() : "", escape_html(table.header[i]));
  }
  html += "</tr></thead>\n<tbody>\n";
  for (const TableLine& line : table.lines) {
    html += fmt::format("<tr{}><th scope=\"row\">{}</th>", line.apart ? " class=\"apart\"" : "",
                        escape_html(line.label));
    for (std::size_t i = 0; i < line.cells.size(); ++i) {
      const std::string text = escape_html(line.cells[i].text);
      html += line.spanning ? fmt::format("<td class=\"span\" colspan=\"{}\">", table.header.size() - 1)
              : line.apart && !is_number(line.cells[i].text)
                  ? "<td class=\"names\">"
                  : fmt::format("<td{}>", i < kinds.size() ? kinds[i] : "");
      html += line.cells[i].emphasis ? "<strong>" + text + "</strong></td>" : text + "</td>";
    }
    html += "</tr>\n";
  }
  html = box(table.title, html + "</tbody>\n</table>");
  return table.caption.empty()
             ? html
             : html + fmt::format("<p class=\"caption\">{}</p>\n", escape_html(table.caption));
}

std::string inline_svg(std::string_view document) {
  const std::size_t start = document.find("<svg");
  if (start == std::string_view::npos) return "";
  std::string svg(document.substr(start));
  erase_all(svg, "<metadata", "</metadata>");
  erase_all(svg, "<!--", "-->");
  // HTML knows the name spaces of SVG and XLink by itself.
  erase_all(svg, " xmlns=\"", "\"");
  erase_all(svg, " xmlns:xlink=\"", "\"");
  return svg;
}

std::string escape_html(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

Page::Page(std::string_view title, std::string_view subtitle, const Origin& origin)
    : title_(escape_html(title)) {
  body_ = fmt::format("<h1>{}</h1>\n<p class=\"origin\">{}", title_, escape_html(subtitle));
  if (!origin.command.empty()) body_ += fmt::format(" · <code>{}</code>", escape_html(origin.command));
  for (const auto& text : {origin.date, origin.version.empty() ? "" : "laser " + origin.version}) {
    if (!text.empty()) body_ += " · " + escape_html(text);
  }
  body_ += "</p>\n";
}

void Page::conclude(const std::vector<std::string>& sentences) {
  if (sentences.empty()) return;
  body_ += "<div class=\"result\">\n";
  for (const auto& sentence : sentences) body_ += "<p>" + escape_html(sentence) + "</p>\n";
  body_ += "</div>\n";
}

void Page::warn(std::string_view sentence) {
  body_ += "<p class=\"wrong\">" + escape_html(sentence) + "</p>\n";
}

void Page::add(const Table& table) {
  body_ += "<section><h2>" + escape_html(table.title) + "</h2>\n" + to_html(table) + "</section>\n";
}

void Page::add(const InlineFigure& figure) {
  const auto svg = inline_svg(figure.svg);
  const auto caption = escape_html(figure.caption);
  body_ += fmt::format("<section><figure>\n{}<figcaption>{}</figcaption></figure></section>\n",
                       box("Figure", fmt::format("<div role=\"img\" aria-label=\"{}\"{}>{}</div>", caption,
                                                 widths_of(svg), svg)),
                       caption);
}

void Page::add_list(std::string_view heading, const std::vector<std::string>& items) {
  if (items.empty()) return;
  body_ += "<section><h2>" + escape_html(heading) + "</h2>\n<ul>\n";
  for (const auto& item : items) body_ += "<li>" + escape_html(item) + "</li>\n";
  body_ += "</ul></section>\n";
}

void Page::fold(const Table& table) {
  if (table.lines.empty()) return;
  body_ += fmt::format("<section><details><summary>{}</summary>\n{}</details></section>\n",
                       escape_html(table.title), to_html(table));
}

std::string Page::text() const {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>laser: {}</title>\n"
      "<style>{}</style>\n</head>\n<body>\n<main>\n{}</main>\n</body>\n</html>\n",
      title_, kStyle, body_);
}

}  // namespace laser
