// The three forms of a table, letter by letter where it is small.
#include "laser/report/table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "../record/temporary_folder.hpp"
#include "laser/report/page.hpp"
#include "laser/report/report.hpp"

namespace laser {
namespace {

Table small_table() {
  return {"Title",
          "Caption.",
          {"Method", "P = 1", "P = 10"},
          {{"LASER", {{"89.90±0.10 (89.9)", true}, {"92"}}},
           {"a<b|c", {{""}, {"1", false}}},
           {"SGD", {{"92.30"}}, true, true}}};
}

TEST(Table, TextIsAligned) {
  EXPECT_EQ(to_text(small_table()),
            "Title\n"
            "Caption.\n"
            "\n"
            "Method   P = 1               P = 10\n"
            "-----------------------------------\n"
            "LASER    89.90±0.10 (89.9)   92\n"
            "a<b|c                        1\n"
            "-----------------------------------\n"
            "SGD      92.30\n");
}

TEST(Table, MarkdownIsEscapedAndBold) {
  EXPECT_EQ(to_markdown(small_table()),
            "### Title\n\nCaption.\n\n"
            "| Method | P = 1 | P = 10 |\n"
            "|---|---:|---:|\n"
            "| LASER | **89.90±0.10 (89.9)** | 92 |\n"
            "| a\\<b\\|c |  | 1 |\n"
            "| SGD | 92.30 | 92.30 |\n");
}

TEST(Table, HtmlIsEscapedAndSpans) {
  const std::string html = to_html(small_table());
  EXPECT_TRUE(contains(html, "<th scope=\"row\">a&lt;b|c</th>")) << html;
  EXPECT_TRUE(contains(html, "<td><strong>89.90±0.10 (89.9)</strong></td>")) << html;
  EXPECT_TRUE(contains(
      html, "<tr class=\"apart\"><th scope=\"row\">SGD</th><td class=\"span\" colspan=\"2\">92.30</td>"))
      << html;
}

TEST(Table, WordsStandLeftAndTheCaptionOutsideTheBoxThatScrolls) {
  auto table = small_table();
  table.lines[1].cells[1].text = "not told";
  const std::string html = to_html(table);
  EXPECT_TRUE(contains(html, "<th scope=\"col\" class=\"words\">P = 10</th>")) << html;
  EXPECT_TRUE(contains(html, "<td class=\"words\">not told</td>")) << html;
  EXPECT_TRUE(contains(html, "</table></div>\n<p class=\"caption\">Caption.</p>")) << html;
}

TEST(Table, EscapesAllOfHtml) {
  EXPECT_EQ(escape_html("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
}

TEST(Table, WrapsAtWords) {
  const std::string wrapped = wrap("- " + std::string(60, 'a') + " " + std::string(60, 'b') + " c", "  ");
  EXPECT_EQ(wrapped, "- " + std::string(60, 'a') + "\n  " + std::string(60, 'b') + " c");
}

// Ten powers, as in the CIFAR study: nothing is wider than a terminal and no value is lost.
TEST(Table, WideTablesAreCutIntoBlocks) {
  std::vector<laser::Run> runs;
  for (const char* method : {"laser", "randomk", "zsgd"}) {
    for (int i = 0; i < 10; ++i) {
      for (std::uint64_t seed : {1U, 2U}) {
        runs.push_back(
            example_run(example_summary(method, 250 << i, seed, 80 + i + 0.1 * static_cast<double>(seed))));
      }
    }
  }
  runs.push_back(example_run(example_summary("sgd", std::nullopt, 1, 93)));
  const Table table = build_report(runs).tables.at(0);
  const std::string text = to_text(table);
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    const auto characters =
        std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; });
    EXPECT_LE(characters, 80) << line;
  }
  for (const std::string& name : table.header) EXPECT_TRUE(contains(text, name)) << name;
  for (const TableLine& row : table.lines) {
    for (const Cell& cell : row.cells) EXPECT_TRUE(contains(text, cell.text)) << cell.text;
  }
}

}  // namespace
}  // namespace laser
