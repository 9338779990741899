#include "laser/record/reader.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "laser/core/fail.hpp"
#include "laser/core/input_file.hpp"
#include "laser/record/json.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// A report and a sweep write summary.json or config.toml too, so those names alone don't make a run.
bool is_run_folder(const fs::path& folder) {
  return is_file(folder / "metrics.jsonl") ||
         (is_file(folder / "config.toml") && is_file(folder / "versions.json"));
}

std::string read_text(const fs::path& path) {
  if (!is_file(path))
    fail(ExitCode::kData, "{}: no such file. HINT: run this configuration again", path.string());
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (!error && size > kMaxRecordBytes) {
    fail(ExitCode::kData, "{}: {} bytes; a record has at most {}", path.string(), size, kMaxRecordBytes);
  }
  return InputFile(path.string()).text(kMaxRecordBytes);
}

// The last line has no newline: the write was cut short. Removes it and says which line it was, or 0.
long drop_cut_line(std::string& text) {
  if (text.empty() || text.back() == '\n') return 0;
  const std::size_t newline = text.rfind('\n');
  text.erase(newline == std::string::npos ? 0 : newline + 1);
  return 1 + static_cast<long>(std::count(text.begin(), text.end(), '\n'));
}

std::vector<EpochRecord> parse_metrics(std::string_view text, const std::string& file) {
  std::vector<EpochRecord> epochs;
  long line = 1;
  for (std::size_t begin = 0; begin < text.size(); ++line) {
    const std::size_t end = text.find('\n', begin);
    epochs.push_back(parse_epoch(text.substr(begin, end - begin), {file, line}));
    begin = end + 1;
    const std::size_t count = epochs.size();
    if (count > 1 && epochs[count - 1].epoch <= epochs[count - 2].epoch) {
      fail(ExitCode::kData, "{}:{}: epoch {} follows epoch {}", file, line, epochs[count - 1].epoch,
           epochs[count - 2].epoch);
    }
  }
  return epochs;
}

void read_metrics(const fs::path& path, Run& run) {
  std::string text = read_text(path);
  const long cut_line = drop_cut_line(text);
  const bool completed = run.summary.status == "completed";
  if (cut_line > 0 && completed) {
    fail(ExitCode::kData, "{}:{}: the last line is cut. HINT: run this configuration again", path.string(),
         cut_line);
  }
  if (cut_line > 0) {
    run.warnings.push_back(
        fmt::format("{}:{}: the last line was cut and is left out", path.string(), cut_line));
  }
  run.epochs = parse_metrics(text, path.string());
  const std::int64_t last = run.epochs.empty() ? 0 : run.epochs.back().epoch;
  if (completed && last != run.summary.epochs) {
    fail(ExitCode::kData,
         "{}: ends at epoch {}, but the run completed {}. HINT: run this configuration again", path.string(),
         last, run.summary.epochs);
  }
}

std::vector<fs::path> find_run_folders(const std::string& root) {
  std::error_code error;
  if (!fs::is_directory(root, error)) {
    fail(ExitCode::kData, "{}: {}. HINT: name a folder that laser train, sweep or reproduce wrote", root,
         fs::exists(root, error) ? "not a folder" : "no such folder");
  }
  std::vector<fs::path> found;
  if (is_run_folder(root)) found.emplace_back(root);
  fs::recursive_directory_iterator entry(root, error);
  for (const fs::recursive_directory_iterator end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    const bool is_folder = entry->is_directory(ignored) && !entry->is_symlink(ignored);
    if (is_folder && is_run_folder(entry->path())) found.push_back(entry->path());
  }
  if (error) fail(ExitCode::kData, "{}: can't be searched: {}", root, error.message());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

Run read_run(const std::string& folder) {
  const fs::path path(folder);
  if (!is_run_folder(path)) {
    fail(ExitCode::kData,
         "{}: no run here. HINT: a run folder holds config.toml, metrics.jsonl and summary.json", folder);
  }
  Run run;
  run.folder = folder;
  const fs::path summary = path / "summary.json";
  if (is_file(summary)) {
    run.summary = parse_summary(read_text(summary), {summary.string()});
  } else {
    run.summary.status = "unfinished";
    run.warnings.push_back(fmt::format("{}: no summary.json, the run did not end", folder));
  }
  const fs::path versions = path / "versions.json";
  if (is_file(versions)) run.versions = parse_texts(read_text(versions), {versions.string()});
  read_metrics(path / "metrics.jsonl", run);
  return run;
}

std::vector<Run> read_runs(std::span<const std::string> folders) {
  std::vector<Run> runs;
  std::set<fs::path> seen;
  for (const std::string& root : folders) {
    const std::vector<fs::path> found = find_run_folders(root);
    if (found.empty()) {
      fail(ExitCode::kData,
           "{}: holds no run. HINT: name a folder that laser train, sweep or reproduce wrote", root);
    }
    for (const fs::path& folder : found) {
      if (seen.insert(fs::canonical(folder)).second) runs.push_back(read_run(folder.string()));
    }
  }
  if (runs.empty()) fail(ExitCode::kData, "no folder given. HINT: laser report DIR...");
  return runs;
}

}  // namespace laser
