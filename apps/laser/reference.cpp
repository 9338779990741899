#include "reference.hpp"

#include <fmt/ranges.h>

#include <utility>

#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"

namespace laser {
namespace {

const std::vector<std::pair<ExitCode, std::string>>& exit_codes() {
  static const std::vector<std::pair<ExitCode, std::string>> codes{
      {ExitCode::kOk, "done"},
      {ExitCode::kUsage, "wrong usage: unknown command, flag or argument"},
      {ExitCode::kConfiguration,
       "wrong configuration: unknown key, value out of range, things that don't go together"},
      {ExitCode::kData,
       "data: missing, damaged or of another kind; records that can't be read; a verification that failed"},
      {ExitCode::kNonFinite, "a number became NaN or infinite; summary.json says where"},
      {ExitCode::kIo, "input/output: folder not writable, already holds a run, disk full"},
      {ExitCode::kWorkerLost, "a worker process was lost"},
      {ExitCode::kBug, "a bug of ours, or no memory left"},
      {ExitCode::kInterrupted,
       "ended by SIGINT (Ctrl-C) after finishing the round; 128 + its number for any other signal that asks "
       "to end: "
       "SIGHUP 129, SIGUSR1 138, SIGUSR2 140, SIGXCPU 152"},
      {ExitCode::kTerminated, "ended by SIGTERM after finishing the round"}};
  return codes;
}

const std::vector<std::pair<std::string, std::string>>& environment() {
  static const std::vector<std::pair<std::string, std::string>> variables{
      {"LASER_HOME",
       "folder that holds configs, data and python, instead of those that came with the program"},
      {"LASER_DATA_DIR", "folder of the data sets (docs/data.md)"},
      {"LASER_PYTHON", "the Python that draws figures; python3 where it is not set"},
      {"XDG_CACHE_HOME", "data sets go into laser/data below it; ~/.cache where it is not set"},
      {"OMP_NUM_THREADS", "threads of a run that is not told by threads=N"},
      {"OMP_WAIT_POLICY",
       "how threads wait for each other; passive where neither it nor GOMP_SPINCOUNT is set"}};
  return variables;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

/// A cell of a Markdown table.
std::string cell(const std::string& text) { return replaced(replaced(text, "\n", " "), "|", "\\|"); }

std::string code(const std::string& text) { return text.empty() ? "" : "`" + cell(text) + "`"; }

std::string code_list(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(collect(names, code), ", "));
}

std::string label_of(const CommandOption& option) {
  return fmt::format("{}{}", fmt::join(option.names, ", "), option.has_value ? " VALUE" : "");
}

/// What a setting may be.
std::string values_of(const SettingEntry& setting) {
  if (!setting.words.empty()) return code_list(setting.words);
  const auto range = setting.range.empty() ? "text" : setting.range;
  return cell(setting.unit.empty() ? range : range + "; " + setting.unit);
}

std::string indented(const std::string& text) {
  std::string result = "    " + replaced(text, "\n", "\n    ");
  while (result.ends_with(' ') || result.ends_with('\n')) result.pop_back();
  return result + "\n";
}

std::string command_section(const CommandNode& node) {
  auto text = fmt::format("\n### {}\n\n{}.\n\n    {}\n", node.name(), node.sentence, node.usage());
  std::vector<CommandOption> rows;
  for (const auto& argument : node.arguments) rows.push_back(argument);
  for (const auto& option : node.options)
    if (option.names.back() != "--help") rows.push_back(option);
  if (!rows.empty()) text += "\n| option | default | meaning |\n|---|---|---|\n";
  const auto arguments = node.arguments.size();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& row = rows[i];
    text += fmt::format("| {} | {} | {} |\n", code(i < arguments ? row.names[0] : label_of(row)),
                        row.required ? "required" : code(row.fallback), cell(row.sentence));
  }
  if (node.takes_settings) text += "\nSettings are those of [all runs](#settings).\n";
  if (!node.footer.empty()) text += "\n" + indented(node.footer);
  return text;
}

/// Text of a manual page: what roff would take for a command or an escape is shielded.
std::string roff(const std::string& text) {
  auto result = replaced(replaced(text, "\\", "\\e"), "-", "\\-");
  result = replaced(result, "\n.", "\n\\&.");
  result = replaced(result, "\n'", "\n\\&'");
  return result.starts_with('.') || result.starts_with('\'') ? "\\&" + result : result;
}

std::string roff_entry(const std::string& label, const std::string& text) {
  return fmt::format(".TP\n.B {}\n{}\n", roff(label), roff(text));
}

}  // namespace

std::string reference_markdown(const CommandNode& root, const std::vector<SettingEntry>& settings) {
  std::string text =
      "# Reference\n\n"
      "Written by `laser help --markdown` from the lists that the command itself uses (`make docs`); a test "
      "fails where it is out\n"
      "of date. `--help` after any command prints the same.\n\n## Commands\n";
  for (const auto* node : all_commands(root))
    if (!node->path.empty()) text += command_section(*node);
  text +=
      "\n## Settings\n\n"
      "Of `train`, `sweep` and `tune`: lines of a TOML file, or `key=value`. A method sets compressor, "
      "feedback, allocation, channel,\n"
      "receiver and momenta; a language model as task has other defaults for training (`laser train "
      "task=wikitext103 --dry-run`).\n";
  std::string group;
  for (const auto& setting : settings) {
    if (setting.group != group)
      text += fmt::format("\n### {}\n\n| name | default | values | meaning |\n|---|---|---|---|\n",
                          setting.group);
    group = setting.group;
    text += fmt::format("| `{}` | {} | {} | {} |\n", setting.name, code(setting.fallback), values_of(setting),
                        cell(setting.sentence));
  }
  text += "\n## Exit codes\n\n| code | meaning |\n|---|---|\n";
  for (const auto& [number, meaning] : exit_codes())
    text += fmt::format("| {} | {} |\n", static_cast<int>(number), meaning);
  text += "\n## Environment\n\n| variable | meaning |\n|---|---|\n";
  for (const auto& [name, meaning] : environment()) text += fmt::format("| `{}` | {} |\n", name, meaning);
  return text;
}

std::string manual_page(const CommandNode& root, const std::vector<SettingEntry>& settings) {
  std::string text =
      ".\\\" Written by laser help --manual.\n.TH LASER 1 \"\" \"laser\" \"User Commands\"\n"
      ".SH NAME\nlaser \\- linear compression in wireless distributed optimization\n.SH SYNOPSIS\n";
  for (const auto& command : root.commands) text += fmt::format(".B {}\n.br\n", roff(command.usage()));
  text += fmt::format(".SH DESCRIPTION\n{}\n.SH COMMANDS\n", roff(root.sentence));
  for (const auto* node : all_commands(root)) {
    if (node->path.empty()) continue;
    text += fmt::format(".SS {}\n{}.\n", roff(node->usage()), roff(node->sentence));
    for (const auto& argument : node->arguments) text += roff_entry(argument.names[0], argument.sentence);
    for (const auto& option : node->options) {
      if (option.names.back() == "--help") continue;
      text += roff_entry(
          label_of(option),
          option.sentence + (option.fallback.empty() ? "" : fmt::format(" (default {})", option.fallback)));
    }
  }
  text += ".SH SETTINGS\nOf train, sweep and tune: lines of a TOML file, or key=value.\n";
  std::string group;
  for (const auto& setting : settings) {
    if (setting.group != group) text += fmt::format(".SS {}\n", roff(setting.group));
    group = setting.group;
    text +=
        roff_entry(fmt::format("{}={}", setting.name, setting.fallback),
                   fmt::format("{} [{}{}]", setting.sentence, setting.range.empty() ? "text" : setting.range,
                               setting.unit.empty() ? "" : "; " + setting.unit));
  }
  text += ".SH EXIT STATUS\n";
  for (const auto& [number, meaning] : exit_codes())
    text += roff_entry(std::to_string(static_cast<int>(number)), meaning);
  text += ".SH ENVIRONMENT\n";
  for (const auto& [name, meaning] : environment()) text += roff_entry(name, meaning);
  return text;
}

}  // namespace laser
