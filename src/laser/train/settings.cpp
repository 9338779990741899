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

// Before parsing: every dot of a key nests a table, and freeing a million nested tables exhausts the stack. A
// key with a comma in quotes could hide dots from the count, so a line with quotes may have few dots at all.
void check_dots(std::string_view text, const std::string& path) {
  int line = 1, chain = 0, dots = 0;
  bool quotes = false, comment = false;
  for (const char c : text) {
    if (c == '\n') {
      ++line;
      chain = dots = 0;
      quotes = comment = false;
    } else if (c == '.') {
      chain += comment ? 0 : 1;
      ++dots;
    } else if (c == ',') {
      chain = 0;
    }
    comment = comment || c == '#';
    quotes = quotes || c == '"' || c == '\'';
    if (chain > kMostDots || (quotes && dots > kMostDots)) {
      fail(ExitCode::kConfiguration, "{} line {}: more than {} dots: keys are plain here", path, line,
           kMostDots);
    }
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
  check_dots(content, path);
  Settings settings;
  try {
    const auto table = toml::parse(content, path);
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
