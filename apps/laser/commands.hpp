// The subcommands; one file each. Every `add_…` registers its options and, on use, runs and
// sets the exit code.
#pragma once

#include <CLI/CLI.hpp>

namespace laser {

/// Shared by all commands.
struct CommandLine {
  std::string text;   // the command as typed, for records
  int exit_code = 0;  // of the command that ran
};

void add_demo(CLI::App& app, CommandLine& line);
void add_train(CLI::App& app, CommandLine& line);
void add_sweep(CLI::App& app, CommandLine& line);
void add_reproduce(CLI::App& app, CommandLine& line);
void add_tune(CLI::App& app, CommandLine& line);
void add_arena(CLI::App& app);
void add_report(CLI::App& app, CommandLine& line);
void add_export(CLI::App& app);
void add_link(CLI::App& app);
void add_bench(CLI::App& app, CommandLine& line);
void add_data(CLI::App& app, CommandLine& line);
void add_doctor(CLI::App& app, CommandLine& line);
void add_list(CLI::App& app, CommandLine& line);

}  // namespace laser
