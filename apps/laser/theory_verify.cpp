// laser theory verify: the formulas against simulations of the real code. Everything is measured in verify/;
// here are the arguments, the files and the terminal.
#include <iostream>
#include <limits>
#include <optional>

#include "laser/core/atomic_file.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/resources.hpp"
#include "laser/report/figures.hpp"
#include "laser/train/versions.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "signals.hpp"
#include "theory.hpp"
#include "theory_verify_report.hpp"

namespace laser {
namespace {

struct VerifyArguments {
  verify::VerificationOptions options;
  std::string out;
  bool json = false;
};

verify::Verification run_with_progress(const verify::VerificationOptions& options) {
  catch_stop_signals();
  ProgressLine progress("theory verify", false);
  verify::Watch watch;
  watch.progress = [&](double done, double total, const std::string& note) {
    progress.show(done, total, note);
  };
  watch.stop = [] { return stop_signal() != 0; };
  try {
    return verify::run_verification(options, watch);
  } catch (const Error& error) {
    if (error.code() == ExitCode::kInterrupted && stop_signal() != 0)
      throw Error(static_cast<ExitCode>(128 + stop_signal()), error.what());
    throw;
  }
}

/// Writes verify.json, the figures and verify.html; returns a sentence on what there is.
std::string write_files(const verify::Verification& verification, const std::string& out,
                        const std::string& command) {
  const auto json = out + "/verify.json";
  write_file_atomically(json, to_json(verification));
  const auto drawing =
      draw_figures(verification_figures(), figures_python(),
                   (resource_root() / "python" / "laser" / "theory_figures.py").string(), json, out);
  write_file_atomically(out + "/verify.html", verification_page(verification, drawing.figures,
                                                                origin_now(command, laser_version())));
  return (drawing.reason.empty() ? "" : drawing.reason + "\n") +
         fmt::format("Written to {}:\n  {}\n", out, wrap("verify.json verify.html" + drawing.files, "  "));
}

void verify_theory(const VerifyArguments& arguments, const std::string& command) {
  std::optional<FreshFolder> fresh;
  const auto out = arguments.out.empty() ? fresh.emplace("theory-verify").path() : arguments.out;
  create_folders(out);
  const auto verification = run_with_progress(arguments.options);
  const auto written = write_files(verification, out, command);
  const auto verdict = verdict_text(verification);
  if (arguments.json) {
    std::cout << to_json(verification);
  } else {
    for (const auto& table : verification_tables(verification)) std::cout << to_text(table) << '\n';
    std::cout << verdict << "\nTook " << duration_text(verification.seconds) << ".\n\n" << written;
  }
  require_holds(verification, out);
}

}  // namespace

void add_theory_verify(CLI::App& theory, const CommandLine& line) {
  const auto arguments = std::make_shared<VerifyArguments>();
  auto* command = theory.add_subcommand("verify",
                                        "Confront the formulas with simulations of the real code (a minute; "
                                        "exit code 4 if a check fails or a control with "
                                        "something wrong is not noticed)");
  command->add_option(
      "--out", arguments->out,
      "Folder for verify.json, verify.html and the figures (default: runs/theory-verify-<time>)");
  command->add_option("--seed", arguments->options.seed, "Seed of every random number")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
      ->capture_default_str();
  command->add_flag("--quick", arguments->options.quick, "Fewer draws and shorter runs: seconds");
  command->add_flag("--json", arguments->json, "Print verify.json instead of tables");
  command->callback([arguments, &line] { verify_theory(*arguments, line.text); });
}

}  // namespace laser
