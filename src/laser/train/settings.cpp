// TOML files, read with toml++; the only file that includes it.
#define TOML_EXCEPTIONS 1
#include "laser/train/settings.hpp"

#include <toml++/toml.h>

#include <string_view>

#include "laser/core/error.hpp"
#include "laser/core/input_file.hpp"
#include "laser/core/options.hpp"

namespace laser {
namespace {

constexpr std::uintmax_t kLargestFile = 1 << 20;
constexpr int kMostDots = 64;  // of a dotted key

// Before parsing, what the parser itself does not survive: every dot of a key nests a table, and freeing a
// million nested tables exhausts the stack; a letter beyond ASCII in a bare key can be one that its tables do
// not know. Neither is needed here, nor are strings in triple quotes, which could hide where a string ends.
void check_plain(std::string_view text, const std::string& path) {
  int line = 1, dots = 0;
  char quote = 0;      // that the string under way began with
  char before = '\n';  // last letter outside of strings and comments, but for blanks
  bool comment = false;
  const auto refuse = [&](const std::string& reason) {
    fail(ExitCode::kConfiguration, "{} line {}: {}", path, line, reason);
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
      dots = quote = 0;
      comment = false;
    } else if (comment) {
      continue;
    } else if (quote != 0) {
      if (c == '\\' && quote == '"') ++i;
      if (c != quote) continue;
      quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
      if (text.substr(i, 3) == std::string(3, c)) refuse("strings in triple quotes are not used here");
      if (std::string_view("=,[{.\n").find(before) == std::string_view::npos)
        refuse("a quote in a wrong place");
    } else if (c == '#') {
      comment = true;
    } else if (c == ',') {
      dots = 0;
    } else if (c == '.') {
      if (++dots > kMostDots) refuse(fmt::format("more than {} dots: keys are plain here", kMostDots));
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      refuse("a letter beyond ASCII stands outside of quotes and comments");
    }
    if (quote == 0 && !comment && c != ' ' && c != '\t' && c != '\r') before = c;
  }
}

std::string text_of(const std::string& where, const toml::node& node) {
  if (const auto text = node.as_string()) return text->get();
  if (const auto integer = node.as_integer()) return std::to_string(integer->get());
  if (const auto real = node.as_floating_point()) return number_text(real->get());
  if (const auto flag = node.as_boolean()) return flag->get() ? "true" : "false";
  if (const auto* list = node.as_array()) {
    std::string text = "[";
    for (const auto& item : *list) text += (text.size() > 1 ? ", " : "") + text_of(where, item);
    return text + "]";
  }
  fail(ExitCode::kConfiguration,
       "{}: tables, dates and times are not used here; write plain key = value lines", where);
}

}  // namespace

Settings read_settings(const std::string& path) {
  const auto content = InputFile(path, ExitCode::kConfiguration).text(kLargestFile);
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  const auto skipped = content.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  const auto text = std::string_view(content).substr(skipped);
  check_plain(text, path);
  Settings settings;
  try {
    const auto table = toml::parse(text, path);
    for (const auto& [key, node] : table) {
      const auto where = fmt::format("{} line {}", path, node.source().begin.line);
      settings.emplace_back(std::string(key.str()), text_of(where, node));
    }
  } catch (const toml::parse_error& error) {
    fail(ExitCode::kConfiguration, "{} line {}: {}", path, error.source().begin.line, error.description());
  }
  return settings;
}

}  // namespace laser
