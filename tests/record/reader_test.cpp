// Finding and checking run folders: what is damaged is refused by name and line, what was cut short is told.
#include "laser/record/reader.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "laser/record/writer.hpp"
#include "temporary_folder.hpp"

namespace laser {
namespace {

void write_run(const std::string& folder, RunSummary summary = example_summary("laser", 1, 1, 90)) {
  RunWriter writer(folder, "method = \"laser\"\n", {{"laser", "0.1.0"}});
  for (std::int64_t epoch = 1; epoch <= summary.epochs; ++epoch) writer.append(example_epoch(epoch, 50));
  writer.finish(summary);
}

void append_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::app) << text;
}

void expect_data_error(const std::string& folder, const std::string& expected) {
  const Error error = error_of([&] { (void)read_run(folder); });
  EXPECT_EQ(error.code(), ExitCode::kData);
  EXPECT_TRUE(contains(error.what(), expected)) << error.what() << "\nnot: " << expected;
}

TEST(ReadRun, ARunThatDidNotEndIsUnfinished) {
  const TemporaryFolder folder;
  write_run(folder / "run");
  std::filesystem::remove(folder / "run/summary.json");
  const laser::Run run = read_run(folder / "run");
  EXPECT_EQ(run.summary.status, "unfinished");
  EXPECT_EQ(run.epochs.size(), 2U);
  ASSERT_EQ(run.warnings.size(), 1U);
  EXPECT_EQ(run.warnings[0], folder / "run: no summary.json, the run did not end");
}

TEST(ReadRun, ACutLastLineOfAnInterruptedRunIsDroppedWithAWarning) {
  const TemporaryFolder folder;
  RunSummary summary = example_summary("laser", 1, 1, 90);
  summary.status = "interrupted";
  write_run(folder / "run", summary);
  append_text(folder / "run/metrics.jsonl", "{\"epoch\":3,\"rou");
  const laser::Run run = read_run(folder / "run");
  EXPECT_EQ(run.epochs.size(), 2U);
  ASSERT_EQ(run.warnings.size(), 1U);
  EXPECT_EQ(run.warnings[0], folder / "run/metrics.jsonl:3: the last line was cut and is left out");
}

TEST(ReadRun, ACutLastLineOfACompletedRunIsDamage) {
  const TemporaryFolder folder;
  write_run(folder / "run");
  const std::string metrics = folder / "run/metrics.jsonl";
  std::filesystem::resize_file(metrics, std::filesystem::file_size(metrics) - 5);
  expect_data_error(folder / "run", metrics + ":2: the last line is cut. HINT: ");
}

TEST(ReadRun, LostLinesOfACompletedRunAreDamage) {
  const TemporaryFolder folder;
  write_run(folder / "run");
  const std::string metrics = folder / "run/metrics.jsonl";
  const std::string text = read_file(metrics);
  write_file(metrics, text.substr(0, text.find('\n') + 1));
  expect_data_error(folder / "run", metrics + ": ends at epoch 1, but the run completed 2. HINT: ");
}

TEST(ReadRun, ADamagedLineInTheMiddleIsNamed) {
  const TemporaryFolder folder;
  RunSummary summary = example_summary("laser", 1, 1, 90);
  summary.status = "interrupted";
  write_run(folder / "run", summary);
  append_text(folder / "run/metrics.jsonl", "{\"epoch\":\n{}\n");
  expect_data_error(folder / "run", folder / "run/metrics.jsonl:3: JSON ends too early");
}

TEST(ReadRun, RepeatedEpochsAreRefused) {
  const TemporaryFolder folder;
  write_run(folder / "run");
  const std::string text = read_file(folder / "run/metrics.jsonl");
  append_text(folder / "run/metrics.jsonl", text);
  expect_data_error(folder / "run", folder / "run/metrics.jsonl:3: epoch 1 follows epoch 2");
}

TEST(ReadRun, MissingMetricsAreNamed) {
  const TemporaryFolder folder;
  write_run(folder / "run");
  std::filesystem::remove(folder / "run/metrics.jsonl");
  expect_data_error(folder / "run", folder / "run/metrics.jsonl: no such file");
}

TEST(ReadRun, TruncatedSummaryIsNamedWithItsLine) {
  const TemporaryFolder folder;
  write_run(folder / "run");
  const std::string text = read_file(folder / "run/summary.json");
  write_file(folder / "run/summary.json", text.substr(0, text.find("\"seed\"")));
  expect_data_error(folder / "run", folder / "run/summary.json:8: JSON ends too early");
}

TEST(ReadRun, HugeFilesAreRefusedBeforeReading) {
  const TemporaryFolder folder;
  write_run(folder / "run");
  std::filesystem::resize_file(folder / "run/summary.json", kMaxRecordBytes + 1);  // sparse, takes no space
  expect_data_error(folder / "run",
                    folder / "run/summary.json: 67108865 bytes; a record has at most 67108864");
}

TEST(ReadRun, AFolderThatIsNoRunIsRefused) {
  const TemporaryFolder folder;
  expect_data_error(folder.path(), folder.path() + ": no run here. HINT: ");
}

TEST(ReadRuns, WalksSweepsInAStableOrderAndReadsNoneTwice) {
  const TemporaryFolder folder;
  for (const char* name : {"sweep/b", "sweep/a/2", "sweep/a/1", "other"}) write_run(folder / name);
  write_file(folder / "sweep/summary.json", "{\"schema\":1,\"rows\":[]}");  // a report, not a run
  write_file(folder / "sweep/config.toml", "");                             // the sweep's own
  const std::vector<std::string> roots = {folder / "other", folder / "sweep", folder.path(),
                                          folder / "sweep/b"};
  std::vector<std::string> found;
  for (const laser::Run& run : read_runs(roots)) found.push_back(run.folder);
  EXPECT_EQ(found, (std::vector<std::string>{folder / "other", folder / "sweep/a/1", folder / "sweep/a/2",
                                             folder / "sweep/b"}));
}

TEST(ReadRuns, LoopsOfLinksEnd) {
  const TemporaryFolder folder;
  write_run(folder / "sweep/run");
  std::filesystem::create_directory_symlink(folder / "sweep", folder / "sweep/again");
  const std::vector<std::string> roots = {folder / "sweep"};
  EXPECT_EQ(read_runs(roots).size(), 1U);
}

TEST(ReadRuns, FoldersWithoutRunsAreRefused) {
  const TemporaryFolder folder;
  write_file(folder / "file", "x");
  const auto message = [](const std::vector<std::string>& roots) {
    const Error error = error_of([&] { (void)read_runs(roots); });
    EXPECT_EQ(error.code(), ExitCode::kData);
    return std::string(error.what());
  };
  const std::string hint = ". HINT: name a folder that laser train, sweep or reproduce wrote";
  EXPECT_EQ(message({folder.path()}), folder.path() + ": holds no run" + hint);
  EXPECT_EQ(message({folder / "absent"}), folder / "absent: no such folder" + hint);
  EXPECT_EQ(message({folder / "file"}), folder / "file: not a folder" + hint);
  EXPECT_EQ(message({}), "no folder given. HINT: laser report DIR...");
}

}  // namespace
}  // namespace laser
