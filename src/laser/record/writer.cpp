#include "laser/record/writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>

#include "laser/core/atomic_file.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/system_call.hpp"
#include "laser/record/json.hpp"

namespace laser {
namespace {

bool holds_a_run(const std::string& folder) {
  std::error_code ignored;
  return std::filesystem::exists(folder + "/config.toml", ignored) ||
         std::filesystem::exists(folder + "/summary.json", ignored);
}

[[noreturn]] void fail_holds_a_run(const std::string& folder) {
  fail(ExitCode::kIo,
       "{} already holds a run. HINT: choose another --out, or report it with 'laser report {}'", folder,
       folder);
}

}  // namespace

void check_free(const std::string& folder) {
  std::error_code ignored;
  const auto status = std::filesystem::status(folder, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_directory(status))
    fail(ExitCode::kIo, "{}: can't create the folder: a file is in the way. HINT: choose another --out",
         folder);
  if (holds_a_run(folder)) fail_holds_a_run(folder);
}

RunWriter::RunWriter(const std::string& folder, std::string_view config_toml_text,
                     const std::map<std::string, std::string>& versions)
    : folder_(folder), metrics_path_(folder + "/metrics.jsonl") {
  create_folders(folder);
  if (holds_a_run(folder)) fail_holds_a_run(folder);
  open_metrics(O_CREAT);
  if (metrics_ < 0) {
    fail(ExitCode::kIo, "{}: can't write: {}. HINT: choose another --out", metrics_path_,
         system_reason(errno));
  }
  // Again, under the lock: another run may have begun meanwhile.
  if (lseek(metrics_, 0, SEEK_END) != 0 || holds_a_run(folder)) {
    close(metrics_);
    fail_holds_a_run(folder);
  }
  try {
    write_file_atomically(folder + "/versions.json", to_json(versions));
    write_file_atomically(folder + "/config.toml", config_toml_text);  // the last: with it the run has begun
  } catch (...) {
    // A run that never began must not occupy the folder.
    for (const char* name : {"/config.toml", "/versions.json", "/metrics.jsonl"})
      unlink((folder + name).c_str());
    close(metrics_);
    throw;
  }
}

RunWriter::RunWriter(const std::string& folder, std::int64_t metrics_bytes)
    : folder_(folder), metrics_path_(folder + "/metrics.jsonl") {
  open_metrics(0);
  if (metrics_ < 0 && errno == ENOENT) {
    fail(ExitCode::kData, "{} holds no run: {} is missing", folder, metrics_path_);
  }
  if (metrics_ < 0) fail(ExitCode::kIo, "{}: can't write: {}", metrics_path_, system_reason(errno));
  const off_t size = lseek(metrics_, 0, SEEK_END);
  const auto cut_back = [&] {
    return uninterrupted([&] { return ftruncate(metrics_, metrics_bytes); }) == 0;
  };
  if (metrics_bytes >= 0 && size >= metrics_bytes && cut_back()) return;
  const int error_number = errno;
  close(metrics_);
  if (size < metrics_bytes || metrics_bytes < 0) {
    fail(ExitCode::kData, "{} has {} bytes, the checkpoint was made at {}: lines were lost", metrics_path_,
         size, metrics_bytes);
  }
  fail(ExitCode::kIo, "{}: can't cut it back: {}", metrics_path_, system_reason(error_number));
}

RunWriter::~RunWriter() {
  if (metrics_ >= 0) close(metrics_);
}

void RunWriter::open_metrics(int flags) {
  metrics_ = uninterrupted(
      [&] { return open(metrics_path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0666); });
  if (metrics_ < 0 || lock_file(metrics_)) return;
  close(metrics_);
  fail(ExitCode::kIo,
       "another process works on the run in {}. HINT: wait for it or end it; --resume then goes on where "
       "it was",
       folder_);
}

void RunWriter::append(const EpochRecord& record) {
  LASER_CHECK(metrics_ >= 0);
  const std::string line = to_json_line(record) + "\n";
  const off_t before = lseek(metrics_, 0, SEEK_END);
  if (before >= 0 && write_all(metrics_, line)) return;
  const int error_number = errno;
  // Take the part that was written back, so that the file still ends with a whole line.
  const bool restored = before >= 0 && uninterrupted([&] { return ftruncate(metrics_, before); }) == 0;
  fail(ExitCode::kIo, "{}: can't write {} bytes: {}{}", metrics_path_, line.size(),
       system_reason(error_number), restored ? "" : " (the last line may be cut)");
}

std::int64_t RunWriter::synchronise() {
  LASER_CHECK(metrics_ >= 0);
  const off_t size = lseek(metrics_, 0, SEEK_END);
  if (size < 0 || uninterrupted([&] { return fsync(metrics_); }) != 0) {
    fail(ExitCode::kIo, "{}: can't write {} bytes: {}", metrics_path_, size, system_reason(errno));
  }
  return size;
}

void RunWriter::finish(const RunSummary& summary) {
  LASER_CHECK(metrics_ >= 0);
  // summary.json promises that every epoch is on the disk.
  (void)synchronise();
  write_file_atomically(folder_ + "/summary.json", to_json(summary));
  close(metrics_);
  metrics_ = -1;
}

}  // namespace laser
