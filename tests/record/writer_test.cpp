// A run folder is written whole or the user is told; nothing that was there is lost.
#include "laser/record/writer.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "file_size_limit.hpp"
#include "laser/core/atomic_file.hpp"
#include "laser/record/reader.hpp"
#include "temporary_folder.hpp"

namespace laser {
namespace {

using Names = std::vector<std::string>;

TEST(AtomicFile, ReplacesAndLeavesNoTemporaryFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a.txt", "old");
  write_file_atomically(folder / "a.txt", "new");
  EXPECT_EQ(read_file(folder / "a.txt"), "new");
  EXPECT_EQ(names_in(folder.path()), Names{"a.txt"});
}

TEST(AtomicFile, RemovesWhatKilledWritersLeftBehind) {
  const TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) _exit(0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);  // from here on no process has this number
  const auto left = fmt::format("a.txt.tmp-{}", child), living = fmt::format("a.txt.tmp-{}", getppid()),
             other = fmt::format("b.txt.tmp-{}", child);
  for (const auto& name : {left, living, other, std::string("a.txt.tmp-x1"), std::string("a.txt.tmp-")})
    write_file(folder / name, "half");
  write_file_atomically(folder / "a.txt", "new");
  EXPECT_EQ(names_in(folder.path()), (Names{"a.txt", "a.txt.tmp-", living, "a.txt.tmp-x1", other}));
}

TEST(AtomicFile, FullDiskKeepsTheOldFileAndLeavesNoTemporaryFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a.txt", "old");
  const std::string large(5000, 'x');
  Error error(ExitCode::kOk, "");
  {
    const FileSizeLimit limit(1000);
    error = error_of([&] { write_file_atomically(folder / "a.txt", large); });
  }
  EXPECT_EQ(error.code(), ExitCode::kIo);
  EXPECT_EQ(std::string(error.what()), folder / "a.txt" + ": can't write 5000 bytes: File too large");
  EXPECT_EQ(read_file(folder / "a.txt"), "old");
  EXPECT_EQ(names_in(folder.path()), Names{"a.txt"});
}

TEST(AtomicFile, FailedRenameLeavesNoTemporaryFile) {
  const TemporaryFolder folder;
  write_file(folder / "taken/inside", "x");
  const Error error = error_of([&] { write_file_atomically(folder / "taken", "text"); });
  EXPECT_EQ(error.code(), ExitCode::kIo);
  EXPECT_TRUE(contains(error.what(), folder / "taken" + ": can't write")) << error.what();
  EXPECT_EQ(names_in(folder.path()), Names{"taken"});
}

TEST(AtomicFile, MissingFolderIsNamed) {
  const Error error = error_of([] { write_file_atomically("/nonexistent/a.txt", "text"); });
  EXPECT_EQ(error.code(), ExitCode::kIo);
  EXPECT_STREQ(error.what(), "/nonexistent/a.txt: can't write 4 bytes: No such file or directory");
}

TEST(RunWriter, WritesARunThatReadsBack) {
  const TemporaryFolder folder;
  const std::string out = folder / "deep/er/run";
  {
    RunWriter writer(out, "method = \"laser\"\n", {{"laser", "0.1.0"}});
    EXPECT_EQ(names_in(out), (Names{"config.toml", "metrics.jsonl", "versions.json"}));
    writer.append(example_epoch(1, 70));
    writer.append(example_epoch(2, 80));
    writer.finish(example_summary("laser", 0.1, 3, 80));
  }
  EXPECT_EQ(names_in(out), (Names{"config.toml", "metrics.jsonl", "summary.json", "versions.json"}));
  EXPECT_EQ(read_file(out + "/config.toml"), "method = \"laser\"\n");
  const laser::Run run = read_run(out);
  EXPECT_EQ(run.folder, out);
  EXPECT_EQ(run.summary.seed, 3U);
  ASSERT_EQ(run.epochs.size(), 2U);
  EXPECT_EQ(run.epochs[1].ema_accuracy, 80);
  EXPECT_EQ(run.versions.at("laser"), "0.1.0");
  EXPECT_TRUE(run.warnings.empty());
}

TEST(RunWriter, EveryAppendIsOnTheDiskAtOnce) {
  const TemporaryFolder folder;
  RunWriter writer(folder / "run", "", {});
  for (int epoch = 1; epoch <= 3; ++epoch) {
    writer.append(example_epoch(epoch, 50));
    const std::string text = read_file(folder / "run/metrics.jsonl");
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), epoch);
    EXPECT_EQ(text.back(), '\n');
  }
}

TEST(RunWriter, AnyPartOfARunIsNeverOverwritten) {
  for (const std::string name : {"summary.json", "metrics.jsonl", "config.toml"}) {
    const TemporaryFolder folder;
    write_file(folder / "run/" + name, "precious");
    const Error error = error_of([&] { RunWriter(folder / "run", "x", {}); });
    EXPECT_EQ(error.code(), ExitCode::kIo);
    EXPECT_EQ(std::string(error.what()),
              folder / "run" +
                  " already holds a run. HINT: choose another --out, or report it with "
                  "'laser report " +
                  (folder / "run") + "'");
    EXPECT_EQ(names_in(folder / "run"), Names{name});
    EXPECT_EQ(read_file(folder / "run/" + name), "precious");
  }
}

TEST(RunWriter, OnlyOneProcessWritesARun) {
  const TemporaryFolder folder;
  const auto refused = [&] {
    const Error error = error_of([&] { RunWriter(folder / "run", 0); });
    EXPECT_EQ(error.code(), ExitCode::kIo);
    EXPECT_TRUE(
        std::string(error.what()).starts_with("another process works on the run in " + (folder / "run")))
        << error.what();
  };
  {
    RunWriter first(folder / "run", "", {});
    first.append(example_epoch(1, 50));
    refused();
    EXPECT_FALSE(read_file(folder / "run/metrics.jsonl").empty()) << "cut back under the one that writes it";
  }
  RunWriter resumed(folder / "run", 0);
  refused();
}

TEST(RunWriter, AnExistingFolderWithoutARunIsUsed) {
  const TemporaryFolder folder;
  write_file(folder / "run/notes.txt", "mine");
  RunWriter(folder / "run", "", {}).finish(example_summary("laser", 1, 1, 90));
  EXPECT_EQ(read_file(folder / "run/notes.txt"), "mine");
}

TEST(RunWriter, WhatARunLeftThatWasKilledBeforeItBeganIsNoRun) {
  const TemporaryFolder folder;
  write_file(folder / "run/metrics.jsonl", "");
  write_file(folder / "run/versions.json", "{}");
  RunWriter writer(folder / "run", "x = 1\n", {{"laser", "0.1.0"}});
  for (const int epoch : {1, 2}) writer.append(example_epoch(epoch, 50));
  writer.finish(example_summary("laser", 1, 1, 50));
  const auto run = read_run(folder / "run");
  EXPECT_EQ(run.epochs.size(), 2U);
  EXPECT_EQ(run.versions.at("laser"), "0.1.0");
}

TEST(RunWriter, AFileInTheWayIsNamed) {
  const TemporaryFolder folder;
  write_file(folder / "file", "x");
  for (const std::string& out : {folder / "file", folder / "file/run"}) {
    const Error error = error_of([&] { RunWriter(out, "", {}); });
    EXPECT_EQ(error.code(), ExitCode::kIo);
    EXPECT_TRUE(contains(error.what(), out + ": can't create the folder: ")) << error.what();
    EXPECT_TRUE(contains(error.what(), ". HINT: choose another --out")) << error.what();
  }
  EXPECT_EQ(read_file(folder / "file"), "x");
}

// /proc refuses new folders to everyone, root included.
TEST(RunWriter, AnUnwritableFolderIsNamed) {
  const Error error = error_of([] { RunWriter("/proc/laser-run", "", {}); });
  EXPECT_EQ(error.code(), ExitCode::kIo);
  EXPECT_STREQ(
      error.what(),
      "/proc/laser-run: can't create the folder: No such file or directory. HINT: choose another --out");
}

TEST(RunWriter, FullDiskWhileAppendingLeavesWholeLines) {
  const TemporaryFolder folder;
  RunWriter writer(folder / "run", "", {});
  writer.append(example_epoch(1, 50));
  const std::string before = read_file(folder / "run/metrics.jsonl");
  Error error(ExitCode::kOk, "");
  {
    const FileSizeLimit limit(before.size() + 10);
    error = error_of([&] { writer.append(example_epoch(2, 60)); });
  }
  EXPECT_EQ(error.code(), ExitCode::kIo);
  EXPECT_TRUE(contains(error.what(), folder / "run/metrics.jsonl" + ": can't write ")) << error.what();
  EXPECT_TRUE(contains(error.what(), "bytes: File too large")) << error.what();
  EXPECT_EQ(read_file(folder / "run/metrics.jsonl"), before);
  writer.append(example_epoch(2, 60));  // there is room again
  EXPECT_EQ(read_run(folder / "run").epochs.size(), 2U);
}

TEST(RunWriter, FullDiskAtTheStartLeavesTheFolderFree) {
  const TemporaryFolder folder;
  const std::string config(5000, '#');
  {
    const FileSizeLimit limit(1000);
    EXPECT_EQ(error_of([&] { RunWriter(folder / "run", config, {}); }).code(), ExitCode::kIo);
  }
  EXPECT_TRUE(names_in(folder / "run").empty());
  EXPECT_EQ(error_of([&] { RunWriter(folder / "run", config, {}); }).code(), ExitCode::kOk);
}

TEST(RunWriter, NothingFollowsTheSummary) {
  const TemporaryFolder folder;
  RunWriter writer(folder / "run", "", {});
  writer.finish(example_summary("laser", 1, 1, 90));
  EXPECT_THROW(writer.append(example_epoch(1, 1)), std::logic_error);
  EXPECT_THROW(writer.finish(example_summary("laser", 1, 1, 90)), std::logic_error);
}

}  // namespace
}  // namespace laser
