// Writes one run folder while a run is going on. Reading is reader.hpp; formatting
// for people is laser/report.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "laser/record/schema.hpp"

namespace laser {

/// Throws Error (I/O) where a new run can't go into the folder: it is a file, or holds a run already.
void check_free(const std::string& folder);

/// Owns the folder of one run: config.toml and versions.json at the start, a line of metrics.jsonl an epoch,
/// summary.json at the end. Until that, or its own end, it holds a lock (flock) on metrics.jsonl.
class RunWriter {
 public:
  /// Creates `folder` (parents too) and writes the versions and, last, the configuration: a folder without
  /// config.toml and records holds no run. Throws Error (I/O) when the folder already holds a run, which is
  /// then left as it is, when another process writes there, or when it can't be written.
  RunWriter(const std::string& folder, std::string_view config_toml_text,
            const std::map<std::string, std::string>& versions);
  /// Goes on in a folder that holds a run: metrics.jsonl is cut back to its first `metrics_bytes` bytes.
  /// Throws Error (I/O), also where another process writes that run; or Error (data) where there is no such
  /// run or fewer bytes.
  RunWriter(const std::string& folder, std::int64_t metrics_bytes);
  ~RunWriter();
  RunWriter(const RunWriter&) = delete;
  RunWriter& operator=(const RunWriter&) = delete;

  /// Appends one line to metrics.jsonl. Throws Error (I/O) when the disk is full; no part of
  /// the line stays behind.
  void append(const EpochRecord& record);

  /// Brings all lines to the disk and returns their bytes. Throws Error (I/O).
  std::int64_t synchronise();

  /// Writes summary.json; nothing can be appended afterwards. Throws Error (I/O).
  void finish(const RunSummary& summary);

 private:
  void open_metrics(int flags);

  std::string folder_;
  std::string metrics_path_;
  int metrics_ = -1;
};

}  // namespace laser
