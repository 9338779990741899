// laser bench: times beside their floors and peers. What is measured is in bench/; here are the arguments,
// the files and the terminal.
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <optional>

#include "commands.hpp"
#include "laser/bench/cases.hpp"
#include "laser/core/atomic_file.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/machine_limits.hpp"
#include "laser/core/resources.hpp"
#include "laser/kernels/normal.hpp"
#include "laser/report/figures.hpp"
#include "laser/report/page.hpp"
#include "laser/train/versions.hpp"
#include "machine.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "signals.hpp"

namespace laser {
namespace {

struct BenchArguments {
  bench::BenchOptions options;
  std::string out;
  std::int64_t threads = 0;
  bool json = false;
  bool quiet = false;
};

std::string time_text(double seconds) {
  return seconds < 0.1 ? fmt::format("{:.3g} ms", seconds * 1e3) : fmt::format("{:.3g} s", seconds);
}

std::string ratio_text(double ratio) {
  return ratio < 9.95 ? fmt::format("{:.2f}", ratio) : fmt::format("{:.0f}", ratio);
}

/// One table a group: a line for every case.
std::vector<Table> tables_of(const bench::Result& result) {
  const std::vector<std::pair<std::string, std::string>> groups{
      {"kernel", "Kernels"}, {"round", "Rounds, all workers together"}, {"growth", "How a round grows"}};
  std::vector<Table> tables;
  for (const auto& [group, title] : groups) {
    Table table{title,
                "",
                {"case", "gradients", "workers", "rank", "time", "x floor", "peer x", "hook x", "peak"},
                {}};
    for (const auto& row : result.rows) {
      if (row.group != group) continue;
      const auto hook = row.hook_seconds ? ratio_text(*row.hook_seconds / row.median_seconds) : "";
      const auto peak = row.peak_extra_sets ? fmt::format("{:.2f}", *row.peak_extra_sets) : "";
      table.lines.push_back({row.name,
                             {{row.model},
                              {std::to_string(row.workers)},
                              {row.rank > 0 ? std::to_string(row.rank) : ""},
                              {time_text(row.median_seconds)},
                              {ratio_text(row.floor_ratio())},
                              {row.peer.empty() ? "" : ratio_text(row.peer_ratio())},
                              {hook},
                              {peak}}});
    }
    if (!table.lines.empty()) tables.push_back(std::move(table));
  }
  if (!tables.empty()) {
    tables.back().caption =
        "x floor: time over that of the same bytes updated (kernels, rounds: in-place M += a g; noise_fill: "
        "written) in alternation. peer x, hook x: how many times longer plain LibTorch operations (noise: "
        "torch.randn) and PyTorch's powerSGD_hook take. peak: most memory that rounds add, in gradient sets "
        "of all workers.";
  }
  return tables;
}

/// "2.1 to 3.4"
std::string range_text(std::vector<double> values) {
  const auto [least, most] = std::ranges::minmax(values);
  const auto low = ratio_text(least), high = ratio_text(most);
  return low == high ? low : low + " to " + high;
}

/// What LASER's rounds cost beside memory's own speed and beside PyTorch's hook.
std::vector<std::string> conclusion_of(const bench::Result& result) {
  std::vector<double> floors, hooks;
  for (const auto& row : result.rows) {
    if (row.group != "round" || !row.name.starts_with("round_laser")) continue;
    floors.push_back(row.floor_ratio());
    if (row.hook_seconds) hooks.push_back(*row.hook_seconds / row.median_seconds);
  }
  std::vector<std::string> sentences;
  if (!floors.empty())
    sentences.push_back(fmt::format(
        "A round of LASER takes {} times as long as updating the same bytes in place.", range_text(floors)));
  if (!hooks.empty())
    sentences.push_back(
        fmt::format("PyTorch's powerSGD_hook takes {} times as long as LASER's round.", range_text(hooks)));
  return sentences;
}

std::vector<Figure> figures_of_bench() {
  return {{"bench_ratios",
           "Left: a case's time over the floor, the same bytes updated. Right: how many times longer the "
           "peers take."},
          {"bench_growth", "Time of a round over the parameters, the rank and the workers."}};
}

void write_files(const bench::Result& result, const std::string& out, const std::string& python,
                 const Origin& origin) {
  const auto json = out + "/bench.json";
  write_file_atomically(json, to_json(result));
  const auto drawing =
      draw_figures(figures_of_bench(), python,
                   (resource_root() / "python" / "laser" / "bench_figures.py").string(), json, out);
  Page page("Times of kernels and rounds", "laser bench", origin);
  page.conclude(conclusion_of(result));
  for (const auto& figure : drawing.figures) page.add(figure);
  for (const auto& table : tables_of(result)) page.add(table);
  page.add_list("Notes", result.notes);
  Table machine{"Machine and versions", "", {"Key", "Value"}, {}};
  for (const auto& [key, value] : result.machine) machine.lines.push_back({key, {{value}}});
  page.add(machine);
  write_file_atomically(out + "/bench.html", page.text());
  std::cout << (drawing.reason.empty() ? "" : drawing.reason + "\n");
  std::cout << fmt::format("Written to {}:\n  {}\n", out,
                           wrap("bench.json bench.html" + drawing.files, "  "));
}

void run_bench(BenchArguments arguments, const std::string& command_line) {
  // Not use_threads(): MKL's strict mode, which training has, would slow down the peers.
  const auto cores = default_threads();
  at::set_num_threads(static_cast<int>(arguments.threads > 0 ? arguments.threads : cores));
  auto& options = arguments.options;
  options.threads = at::get_num_threads();
  options.python = figures_python();
  options.hook_script = (resource_root() / "python" / "laser" / "powersgd_peer.py").string();
  const bool keeps = !arguments.out.empty() || !options.quick;
  std::optional<FreshFolder> fresh;
  if (keeps && arguments.out.empty()) fresh.emplace("bench");
  const auto out = fresh ? fresh->path() : arguments.out;
  if (keeps) create_folders(out);
  catch_stop_signals();
  ProgressLine progress("bench", arguments.quiet);
  bench::Watch watch;
  watch.progress = [&](double done, double total, const std::string& note) {
    progress.show(done, total, note);
  };
  watch.stop = [] { return stop_signal() != 0; };
  bench::Result result;
  try {
    result = bench::run_cases(options, watch);
  } catch (const Error& error) {
    if (error.code() == ExitCode::kInterrupted && stop_signal() != 0)
      throw Error(static_cast<ExitCode>(128 + stop_signal()), error.what());
    throw;
  }
  progress.clear();
  result.machine = {{"processor", processor_text()},
                    {"simd", simd_level()},
                    {"threads", std::to_string(options.threads)},
                    {"laser", laser_version()},
                    {"torch", torch_version()},
                    {"compiler", compiler_version()}};
  if (arguments.json) {
    std::cout << to_json(result);
    if (keeps) write_file_atomically(out + "/bench.json", to_json(result));
    return;
  }
  std::cout << fmt::format("{}, {}, {} threads\n\n", result.machine["processor"], result.machine["simd"],
                           options.threads);
  for (const auto& table : tables_of(result)) std::cout << to_text(table) << '\n';
  for (const auto& note : result.notes) std::cout << note << '\n';
  std::cout << "Took " << duration_text(result.seconds) << ".\n";
  if (keeps) write_files(result, out, options.python, origin_now(command_line, laser_version()));
}

}  // namespace

void add_bench(CLI::App& app, CommandLine& line) {
  const auto arguments = std::make_shared<BenchArguments>();
  auto* command = app.add_subcommand(
      "bench", "Times of kernels and rounds beside memory's own speed and beside other software (minutes)");
  command->add_flag("--quick", arguments->options.quick,
                    "The main cases only, few repetitions: within a minute");
  command->add_option("--only", arguments->options.only, "Cases whose name and gradients contain this text");
  command->add_option("--threads", arguments->threads, "Threads (default: as many as there are cores)")
      ->check(CLI::Range(1, 1024));
  command->add_option(
      "--out", arguments->out,
      "Folder for bench.json, bench.html and the figures (default: runs/bench-<time>; none with --quick)");
  command->add_flag("--json", arguments->json, "Print bench.json instead of tables");
  command->add_flag("--quiet", arguments->quiet, "No progress line");
  command->callback([arguments, &line] { run_bench(*arguments, line.text); });
}

}  // namespace laser
