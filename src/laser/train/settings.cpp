// TOML files, read with toml++; the only file that includes it.
#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "laser/core/error.hpp"
#include "laser/train/experiment.hpp"

namespace laser {
namespace {

constexpr std::uintmax_t kLargestFile = 1 << 20;

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
  std::error_code problem;
  const auto size = std::filesystem::file_size(path, problem);
  std::ifstream file(path, std::ios::binary);
  if (problem || !file) {
    fail(ExitCode::kConfiguration, "cannot read the configuration {}: {}", path,
         problem ? problem.message() : "it can't be opened");
  }
  if (size > kLargestFile) fail(ExitCode::kConfiguration, "{} has {} bytes, over 1 MiB", path, size);
  std::ostringstream content;
  content << file.rdbuf();
  Settings settings;
  try {
    const auto table = toml::parse(content.str(), path);
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
