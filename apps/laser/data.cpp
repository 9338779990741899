// laser data list | fetch NAME... | verify [NAME...]
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "commands.hpp"
#include "laser/core/collect.hpp"
#include "laser/core/fail.hpp"
#include "laser/data/data_files.hpp"
#include "laser/fetch/fetch.hpp"
#include "progress.hpp"
#include "signals.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;

struct DataArguments {
  std::vector<std::string> names;
  std::vector<std::string> mirrors;
  std::string folder;
  bool quiet = false;
};

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::vector<const DataSet*> named_sets(const std::vector<std::string>& names) {
  return collect(names, [](const std::string& name) { return &find_data_set(name); });
}

/// Files of a set that are there, looked at from outside only.
struct Presence {
  std::size_t files = 0;
  std::size_t of = 0;
  std::uint64_t bytes = 0;
};

Presence presence_of(const DataSet& set, const fs::path& folder) {
  Presence presence;
  for (const auto& file : set.files()) {
    std::error_code error;
    const auto bytes = fs::file_size(path_of(file, folder), error);
    ++presence.of;
    if (error) continue;
    ++presence.files;
    presence.bytes += bytes;
  }
  return presence;
}

std::uint64_t download_bytes(const DataSet& set) {
  std::uint64_t bytes = 0;
  for (const auto& source : set.sources) bytes += source.bytes;
  return bytes;
}

void list(const DataArguments& arguments) {
  const auto data = data_folder(arguments.folder);
  constexpr auto kRow = "{:<12} {:>9}  {:<54} {}\n";
  std::cout << fmt::format(kRow, "name", "size", "what", "where");
  for (const auto& set : data_sets()) {
    const auto folder = folder_of(set, arguments.folder);
    const auto presence = presence_of(set, folder);
    std::string where = "not here";
    if (presence.files == presence.of) {
      where = folder.string();
    } else if (presence.files > 0) {
      where = fmt::format("{} of {} files in {}", presence.files, presence.of, folder.string());
    }
    const auto bytes = presence.files == presence.of ? presence.bytes : download_bytes(set);
    std::cout << fmt::format(kRow, set.name, megabytes(bytes), set.what, where);
  }
  std::cout << fmt::format(
      "\nThe size is that on the disk, or of the download. 'laser data fetch NAME' puts a set into {}\n",
      (data / "NAME").string());
}

/// Fetches one set; false if it was interrupted.
bool fetch_one(const DataSet& set, const fs::path& folder, const DataArguments& arguments) {
  std::unique_ptr<ProgressLine> line;
  std::string name;
  DownloadProgress last;
  FetchOptions options;
  options.mirrors = arguments.mirrors;
  options.begin = [&](const std::string& file) {
    name = file;
    line = std::make_unique<ProgressLine>(file, arguments.quiet);
  };
  options.control.stop = [] { return stop_signal() != 0; };
  options.control.progress = [&](const DownloadProgress& p) {
    last = p;
    // What was there before took none of this time, so the estimate leaves it out.
    line->show(static_cast<double>(p.done - std::min(p.done, p.resumed)),
               static_cast<double>(p.total - p.resumed),
               fmt::format("{} of {}", megabytes(p.done), megabytes(p.total)));
  };
  if (fetch_data_set(set, folder, options)) return true;
  line.reset();
  std::cerr << fmt::format(
      "laser: interrupted; {} of {} of {} are kept and the same command goes on from there\n",
      megabytes(last.done), megabytes(last.total), name);
  return false;
}

void fetch(const DataArguments& arguments, CommandLine& line) {
  catch_stop_signals();
  const auto data = data_folder(arguments.folder);
  for (const auto* set : named_sets(arguments.names)) {
    auto folder = folder_of(*set, arguments.folder);
    const auto is_right = [&] {
      const auto checks = check_files(*set, folder);
      return std::all_of(checks.begin(), checks.end(), [](auto& check) { return check.right(); });
    };
    const bool was_right = is_right();
    if (!was_right) {
      folder = data / set->name;  // what ships with the program is not written to
      if (!fetch_one(*set, folder, arguments)) {
        line.exit_code = 128 + stop_signal();
        return;
      }
    }
    std::cout << fmt::format("{}: {}, {} files, {} in {}\n", set->name,
                             was_right ? "already here" : "fetched", set->files().size(),
                             megabytes(presence_of(*set, folder).bytes), folder.string());
  }
}

void verify(const DataArguments& arguments) {
  auto sets = named_sets(arguments.names);
  if (sets.empty()) {
    for (const auto& set : data_sets())
      if (presence_of(set, folder_of(set, arguments.folder)).files > 0) sets.push_back(&set);
  }
  std::string wrong, names;
  for (const auto* set : sets) {
    const auto folder = folder_of(*set, arguments.folder);
    if (presence_of(*set, folder).files == 0)
      fail(ExitCode::kData, "{} is not in {}. HINT: laser data fetch {}", set->name, folder.string(),
           set->name);
    const auto checks = check_files(*set, folder);
    const auto before = wrong.size();
    for (const auto& check : checks) {
      if (check.right()) continue;
      const bool missing = check.finding == FileCheck::Finding::kMissing;
      wrong += fmt::format("{}{}: {}", wrong.empty() ? "" : "; ", check.path.string(),
                           check.reason.empty() && missing ? "it is missing" : check.reason);
    }
    if (wrong.size() == before) {
      std::cout << fmt::format("{:<12} right    {} files {}, in {}\n", set->name, checks.size(),
                               finding_text(checks), folder.string());
    } else {
      std::cout << fmt::format("{:<12} damaged\n", set->name);
      names += " " + set->name;
    }
  }
  if (!wrong.empty()) {
    fail(ExitCode::kData,
         "{}. HINT: 'laser data fetch{}' brings the published files; for a version of your own, 'sha256sum "
         "FILE... > SHA256SUMS' beside the files vouches for it",
         wrong, names);
  }
}

}  // namespace

void add_data(CLI::App& app, CommandLine& line) {
  auto arguments = std::make_shared<DataArguments>();
  auto* command = app.add_subcommand("data", "List, fetch and verify data sets");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* sentence) {
    auto* sub = command->add_subcommand(name, sentence);
    sub->add_option("--data-dir", arguments->folder,
                    "folder of the data sets (default: $LASER_DATA_DIR, or ~/.cache/laser/data)");
    return sub;
  };
  auto* list_command = add("list", "Which data sets there are, and where");
  list_command->callback([arguments] { list(*arguments); });
  auto* fetch_command = add("fetch", "Download data sets that are not here, and check them");
  fetch_command->add_option("NAME", arguments->names, "names of 'laser data list'")->required();
  fetch_command->add_option("--mirror", arguments->mirrors, "try URL/<file name> first (can be repeated)")
      ->option_text("URL ...")
      ->allow_extra_args(false);
  fetch_command->add_flag("--quiet", arguments->quiet, "no progress");
  fetch_command->callback([arguments, &line] { fetch(*arguments, line); });
  auto* verify_command = add("verify", "Check data sets bit by bit; all that are here without a name");
  verify_command->add_option("NAME", arguments->names, "names of 'laser data list'");
  verify_command->callback([arguments] { verify(*arguments); });
}

}  // namespace laser
