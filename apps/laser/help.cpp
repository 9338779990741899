// laser help [--markdown | --manual] and laser completion bash|zsh: texts about the command, from its own
// lists.
#include "help.hpp"

#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "completion.hpp"
#include "reference.hpp"

namespace laser {

void add_help(CLI::App& app) {
  struct Arguments {
    bool markdown = false;
    bool manual = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("help", "This help, or the reference of all commands and settings");
  auto* markdown = command->add_flag("--markdown", arguments->markdown, "the reference (docs/reference.md)");
  command->add_flag("--manual", arguments->manual, "the manual page, laser(1)")->excludes(markdown);
  command->callback([&app, arguments] {
    if (arguments->markdown) {
      std::cout << reference_markdown(command_tree(app), all_settings());
    } else if (arguments->manual) {
      std::cout << manual_page(command_tree(app), all_settings());
    } else {
      std::cout << app.get_formatter()->make_help(&app, "laser", CLI::AppFormatMode::Normal);
    }
  });
}

void add_completion(CLI::App& app) {
  auto* command = app.add_subcommand("completion", "A script that completes commands, flags and settings");
  command->require_subcommand(1);
  command->footer(
      "In ~/.bashrc: eval \"$(laser completion bash)\"; in ~/.zshrc, after compinit: eval \"$(laser "
      "completion "
      "zsh)\".");
  const auto add = [&](const char* shell,
                       std::string (*script)(const CommandNode&, const std::vector<SettingEntry>&)) {
    command->add_subcommand(shell, fmt::format("The script for {}", shell))->callback([&app, script] {
      std::cout << script(command_tree(app), all_settings());
    });
  };
  add("bash", bash_completion);
  add("zsh", zsh_completion);
}

}  // namespace laser
