// laser theory: the formulas of the paper as a calculator (spec 3, 6, 7). Everything is computed in power/
// and theory/; here are only arguments and tables.
#pragma once

#include <CLI/CLI.hpp>

#include "commands.hpp"

namespace laser {

/// Registers `laser theory split|ranks|lambda|bounds|channels|condition|volume|policy|plan|stability|
/// prediction|verify`, each with --json.
void add_theory_command(CLI::App& app, const CommandLine& line);

/// Registers `laser theory channels` below the theory command.
void add_theory_channels(CLI::App& theory);

/// Registers `laser theory condition` below the theory command.
void add_theory_condition(CLI::App& theory);

/// Registers `laser theory plan` below the theory command.
void add_theory_plan(CLI::App& theory);

/// Registers `laser theory stability` and `laser theory prediction` below the theory command.
void add_theory_swept(CLI::App& theory);

/// Registers `laser theory verify` below the theory command.
void add_theory_verify(CLI::App& theory, const CommandLine& line);

}  // namespace laser
