// The command `laser`: what no command catches itself ends here, with a line and an exit code.
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>

#include "command_tree.hpp"
#include "commands.hpp"
#include "help.hpp"
#include "laser/collective/mpi/job.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/memory.hpp"
#include "laser/core/options.hpp"
#include "laser/core/standard_streams.hpp"
#include "laser/core/unexpected.hpp"
#include "laser/train/versions.hpp"
#include "output.hpp"
#include "passive_threads.hpp"
#include "signals.hpp"
#include "terminal.hpp"
#include "theory.hpp"

namespace {

/// The command that was reached: the innermost one that was named.
const CLI::App& reached_command(const CLI::App& app) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  return *command;
}

/// All options that the command needs and was not given, "--a, --b"; one at a time would be a puzzle.
std::string missing_options(const CLI::App& command) {
  std::string names;
  for (const auto* option : command.get_options()) {
    if (!option->get_required() || option->count() > 0) continue;
    const auto& shown = option->nonpositional() ? option->get_name() : option->get_option_text();
    names += (names.empty() ? "" : ", ") + (shown.empty() ? option->get_name(true) : shown);
  }
  return names;
}

/// What to say where a word stands in the place of a command and is none; empty where that is not so.
std::string meant_command(const CLI::App& app, int argc, const char* const* argv) {
  const CLI::App* command = &app;
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    std::vector<std::string> names;
    const CLI::App* found = nullptr;
    for (const auto* sub : command->get_subcommands([](const CLI::App*) { return true; })) {
      names.push_back(sub->get_name());
      if (sub->get_name() == argv[i]) found = sub;
    }
    if (names.empty()) return "";
    const auto path = laser::command_tree(*command).name();
    if (found == nullptr) {
      const auto near = laser::nearest_name(argv[i], names);
      return near.empty() ? fmt::format("there is no command '{} {}'. HINT: there is {}", path, argv[i],
                                        fmt::join(names, ", "))
                          : fmt::format("there is no command '{} {}'; did you mean '{}'? HINT: {} {}", path,
                                        argv[i], near, path, near);
    }
    command = found;
  }
  return "";
}

/// What to say where a flag is none of the command's; empty where that is not so.
std::string meant_flag(const CLI::App& command, int argc, const char* const* argv) {
  std::vector<std::string> flags;
  for (const auto& option : laser::command_tree(command).options)
    flags.insert(flags.end(), option.names.begin(), option.names.end());
  for (int i = 1; i < argc; ++i) {
    const std::string word = std::string(argv[i]).substr(0, std::string_view(argv[i]).find('='));
    if (!word.starts_with("--") || std::ranges::find(flags, word) != flags.end()) continue;
    const auto near = laser::nearest_name(word, flags);
    if (near.empty()) return "";
    return fmt::format("there is no option {}; did you mean '{}'? HINT: {} {}", word, near,
                       laser::command_tree(command).name(), near);
  }
  return "";
}

/// The word that a message holds between `before` and a quote; empty where it does not.
std::string quoted_after(const std::string& text, const std::string& before) {
  const auto at = text.find(before);
  if (at == text.npos) return "";
  const auto begin = at + before.size();
  return text.substr(begin, text.find('\'', begin) - begin);
}

/// A message with the next step, where it names none: the value that was meant, or the help of what was to be
/// set or done.
std::string with_next_step(std::string text, const CLI::App& app) {
  if (text.find("HINT:") != text.npos) return text;
  const auto setting = text.substr(0, text.find(" = "));
  const auto meant = quoted_after(text, "did you mean '");
  while (text.ends_with('.')) text.pop_back();
  text += text.ends_with('?') ? " HINT: " : ". HINT: ";
  if (!laser::is_setting_name(setting))
    return fmt::format("{}'{} --help' tells what is possible", text,
                       laser::command_tree(reached_command(app)).name());
  if (!meant.empty()) return fmt::format("{}{}={}", text, setting, meant);
  return fmt::format("{}'laser explain {}' tells what is possible", text, setting);
}

/// What is wrong with the command line, a line for each thing.
std::vector<std::string> complaints(const CLI::App& app, const CLI::ParseError& error, int argc,
                                    const char* const* argv) {
  const auto& command = reached_command(app);
  if (const auto meant = meant_command(app, argc, argv); !meant.empty()) return {meant};
  if (const auto missing = missing_options(command); !missing.empty() && error.get_name() == "RequiredError")
    return {"missing: " + missing};
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    if (auto settings = laser::settings_given_as_flags(command, argc, argv); !settings.empty())
      return settings;
    if (const auto meant = meant_flag(command, argc, argv); !meant.empty()) return {meant};
  }
  return {error.what()};
}

int run(int argc, char** argv) {
  laser::CommandLine line;
  for (int i = 0; i < argc; ++i) line.text += (i > 0 ? " " : "") + std::string(i == 0 ? "laser" : argv[i]);
  CLI::App app{
      "laser: many workers train one model and send their gradients through the air.\n"
      "Linear compression in wireless distributed optimization (arXiv 2310.13033)."};
  laser::write_own_help(app);
  app.set_version_flag("--version", "laser " + laser::laser_version());
  app.require_subcommand(1);
  app.footer(
      "Start with 'laser demo' (seconds) or 'laser reproduce table4' (minutes);\n"
      "'laser train --help' shows the settings that matter.");
  laser::add_demo(app, line);
  laser::add_train(app, line);
  laser::add_sweep(app, line);
  laser::add_reproduce(app, line);
  laser::add_tune(app, line);
  laser::add_arena(app);
  laser::add_report(app, line);
  laser::add_export(app);
  laser::add_theory_command(app, line);
  laser::add_link(app);
  laser::add_bench(app, line);
  laser::add_data(app, line);
  laser::add_doctor(app, line);
  laser::add_list(app, line);
  laser::add_help(app);
  laser::add_completion(app);
  if (laser::started_by_mpi() && argc > 1 && std::string(argv[1]) != "train") {
    laser::fail(laser::ExitCode::kUsage,
                "under {} only 'laser train' runs as one of several processes, not 'laser {}'",
                laser::find_launcher().name, argv[1]);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    for (const auto& complaint : complaints(app, error, argc, argv))
      std::cerr << "laser: " << with_next_step(complaint, app) << '\n';
    return static_cast<int>(laser::ExitCode::kUsage);
  } catch (const laser::Error& error) {
    const bool usage =
        error.code() == laser::ExitCode::kUsage || error.code() == laser::ExitCode::kConfiguration;
    if (!usage) throw;
    throw laser::Error(error.code(), with_next_step(error.what(), app));
  }
  return line.exit_code;
}

/// An exception has met code that lets none through (libraries free their objects with memory that they ask
/// for, and there may be none): told like the others, and what is on the disk stays as after a kill.
[[noreturn]] void on_terminate() {
  try {
    if (const auto error = std::current_exception()) std::rethrow_exception(error);
  } catch (const std::exception& error) {
    std::cerr << "laser: " << laser::unexpected_text(error) << std::endl;
    std::_Exit(static_cast<int>(laser::unexpected_code(error)));
  } catch (...) {
  }
  std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  std::set_terminate(on_terminate);
  laser::open_standard_streams();
  const laser::FittedMessages messages;
  laser::let_waiting_threads_sleep(argv);
  laser::keep_freed_memory();
  laser::make_write_signals_errors();
  try {
    const int code = run(argc, argv);
    if (std::cout.flush() && std::ferror(stdout) == 0) return code;
    const bool gone = laser::reader_is_gone(STDOUT_FILENO);
    if (gone) laser::end_by_broken_pipe();
    laser::fail(laser::ExitCode::kIo, "the output can't be written: {}",
                gone ? "nobody reads it any more" : "is the disk full?");
  } catch (const laser::Error& error) {
    std::cerr << "laser: " << error.what() << '\n';
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::cerr << "laser: " << laser::unexpected_text(error) << '\n';
    return static_cast<int>(laser::unexpected_code(error));
  }
}
