// The command `laser`. Errors are caught here and nowhere else.
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>

#include "commands.hpp"
#include "help.hpp"
#include "laser/collective/mpi/job.hpp"
#include "laser/core/error.hpp"
#include "laser/core/memory.hpp"
#include "laser/core/options.hpp"
#include "laser/core/standard_streams.hpp"
#include "laser/core/unexpected.hpp"
#include "laser/train/versions.hpp"
#include "output.hpp"
#include "passive_threads.hpp"
#include "signals.hpp"
#include "theory.hpp"

namespace {

/// All options that the command at hand needs and was not given, "--a, --b"; one at a time would be a puzzle.
std::string missing_options(const CLI::App& app) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  std::string names;
  for (const auto* option : command->get_options()) {
    if (option->get_required() && option->count() == 0)
      names += (names.empty() ? "" : ", ") + option->get_name();
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
    if (found == nullptr) {
      const auto near = laser::nearest_name(argv[i], names);
      return fmt::format("laser: there is no command '{}'{}", argv[i],
                         near.empty() ? fmt::format("; there is {}", fmt::join(names, ", "))
                                      : fmt::format("; did you mean '{}'?", near));
    }
    command = found;
  }
  return "";
}

int run(int argc, char** argv) {
  laser::CommandLine line;
  for (int i = 0; i < argc; ++i) line.text += (i > 0 ? " " : "") + std::string(i == 0 ? "laser" : argv[i]);
  CLI::App app{
      "laser: many workers train one model and send their gradients through the air.\n"
      "Linear compression in wireless distributed optimization (arXiv 2310.13033)."};
  app.set_version_flag("--version", "laser " + laser::laser_version());
  app.require_subcommand(1);
  app.footer(
      "Start with 'laser demo' (seconds) or 'laser reproduce table4' (minutes); 'laser train --help' has all "
      "options of a run.");
  laser::add_demo(app, line);
  laser::add_train(app, line);
  laser::add_sweep(app, line);
  laser::add_reproduce(app, line);
  laser::add_tune(app, line);
  laser::add_arena(app);
  laser::add_report(app, line);
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
    const auto missing = missing_options(app);
    if (const auto meant = meant_command(app, argc, argv); !meant.empty()) {
      std::cerr << meant << '\n';
    } else if (!missing.empty() && error.get_name() == "RequiredError") {
      std::cerr << "laser: missing: " << missing << '\n';
    } else if (app.exit(error) == 0) {
      return 0;
    }
    for (const auto& hint : laser::settings_given_as_flags(argc, argv)) std::cerr << hint << '\n';
    return static_cast<int>(laser::ExitCode::kUsage);
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
