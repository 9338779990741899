// TOML files, read with toml++; the only file that includes it.
#define TOML_EXCEPTIONS 1
#include "laser/train/settings.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "laser/core/fail.hpp"
#include "laser/core/input_file.hpp"
#include "laser/core/options.hpp"
#include "laser/data/unicode.hpp"

namespace laser {
namespace {

constexpr std::uintmax_t kLargestFile = 1 << 20;
constexpr int kMostDots = 64;  // of a dotted key

// Before parsing, what the parser itself does not survive: every dot of a key nests a table, and freeing a
// million nested tables exhausts the stack. Not needed here, nor are letters beyond ASCII outside of quotes,
// nor strings in triple quotes, which could hide where a string ends.
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
      dots = 0;
      quote = 0;
      comment = false;
    } else if (comment) {
      continue;
    } else if (quote != 0) {
      if (c == '\\' && quote == '"' && i + 1 < text.size() && text[i + 1] != '\n') ++i;
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

// The parser's tables of letters beyond ASCII have holes that it runs into undefined behaviour at: it sees
// %XX for each of their bytes, and %25 for %.
std::string masked(std::string_view text, const std::string& path) {
  const auto refuse_at = [&](std::size_t at, const char* reason) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    fail(ExitCode::kConfiguration, "{} line {}: {}", path, line, reason);
  };
  if (const auto valid = valid_utf8_prefix(text); valid < text.size())
    refuse_at(valid, "bytes that are not UTF-8");
  for (const char* escape : {"\\u0025", "\\U00000025"})
    if (const auto at = text.find(escape); at != text.npos) refuse_at(at, "write % instead of its number");
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && c != '%')
      result += c;
    else
      result += fmt::format("%{:02X}", byte);
  }
  return result;
}

std::string unmasked(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 1] + 2, byte, 16).ptr == &text[i + 1] + 2) {
      result += static_cast<char>(byte);
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string text_of(const std::string& where, const toml::node& node) {
  if (const auto text = node.as_string()) return unmasked(text->get());
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
  if (content.starts_with("\xFF\xFE") || content.starts_with("\xFE\xFF") ||
      content.substr(0, 4).find('\0') != std::string::npos) {
    fail(ExitCode::kConfiguration,
         "{} is not UTF-8: it begins like UTF-16. HINT: save it as UTF-8, or iconv -f UTF-16 -t UTF-8 {}",
         path, path);
  }
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  const auto skipped = content.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  const auto text = std::string_view(content).substr(skipped);
  check_plain(text, path);
  Settings settings;
  try {
    const auto table = toml::parse(masked(text, path), path);
    for (const auto& [key, node] : table) {
      const auto where = fmt::format("{} line {}", path, node.source().begin.line);
      settings.emplace_back(unmasked(key.str()), text_of(where, node));
    }
  } catch (const toml::parse_error& error) {
    fail(ExitCode::kConfiguration, "{} line {}: {}", path, error.source().begin.line,
         unmasked(error.description()));
  }
  return settings;
}

}  // namespace laser
