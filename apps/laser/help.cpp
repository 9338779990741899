// laser help [COMMAND ...] [--markdown | --manual] and laser completion bash|zsh: texts about the command,
// from its own lists.
#include "help.hpp"

#include <fmt/ranges.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "completion.hpp"
#include "help_text.hpp"
#include "laser/core/fail.hpp"
#include "reference.hpp"
#include "terminal.hpp"

namespace laser {

void write_own_help(CLI::App& app) {
  app.formatter_fn([](const CLI::App* command, const std::string&, CLI::AppFormatMode mode) {
    return help_text(command_tree(*command), mode == CLI::AppFormatMode::All, terminal_width(STDOUT_FILENO));
  });
}

void add_all_flag(CLI::App& command) {
  command.set_help_all_flag("--all", "this help with all settings and options");
}

void add_help(CLI::App& app) {
  struct Arguments {
    bool markdown = false;
    bool manual = false;
    std::vector<std::string> words;
  };
  const auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("help", "This help, or the reference of all commands and settings");
  command->add_option("COMMAND", arguments->words, "whose help is asked for (default: of all)");
  auto* markdown = command->add_flag("--markdown", arguments->markdown, "the reference (docs/reference.md)");
  command->add_flag("--manual", arguments->manual, "the manual page, laser(1)")->excludes(markdown);
  command->callback([&app, arguments] {
    if (arguments->markdown) {
      std::cout << reference_markdown(command_tree(app), all_settings());
    } else if (arguments->manual) {
      std::cout << manual_page(command_tree(app), all_settings());
    } else {
      const CLI::App* asked = &app;
      for (const auto& word : arguments->words) {
        const auto found =
            asked->get_subcommands([&](const CLI::App* one) { return one->get_name() == word; });
        if (found.empty())
          fail(ExitCode::kUsage, "there is no command '{}'. HINT: 'laser help' lists them",
               fmt::join(arguments->words, " "));
        asked = found.front();
      }
      std::cout << help_text(command_tree(*asked), false, terminal_width(STDOUT_FILENO));
    }
  });
}

void add_completion(CLI::App& app) {
  auto* command = app.add_subcommand("completion", "A script that completes commands, flags and settings");
  command->require_subcommand(1);
  command->footer(
      "In ~/.bashrc: eval \"$(laser completion bash)\"; in ~/.zshrc, after compinit: eval \"$(laser "
      "completion zsh)\".");
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
