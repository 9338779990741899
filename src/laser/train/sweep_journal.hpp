// What a sweep's folder says about the sweep itself, so that it survives kill -9: which runs it is made of,
// what happened to them, and that only one process works on it.
//
//   sweep.json      {"jobs": {name: hash}}: the grid, written before the first run
//   journal.jsonl   a line for everything that happened: {"time", "job", "event", "reason"}; append-only
//   .lock           held by the process that works on it
// Results are the runs' own (record/schema.hpp); the journal is told, never believed.
#pragma once

#include <map>
#include <mutex>
#include <string>

namespace laser {

/// The runs of a sweep, name -> hash, from its sweep.json. Throws Error (data) naming what is wrong with it.
std::map<std::string, std::string> read_grid(const std::string& path);

class SweepJournal {
 public:
  enum class Start {
    kNew,     // refuses a folder that holds a sweep
    kResume,  // refuses another grid than that of the folder
    kExtend,  // takes over the grid, new or changed
  };

  /// `jobs`: name -> hash. Throws Error (I/O) if another process works on the folder or it can't be written,
  /// Error (configuration) where the grid does not fit `start`.
  SweepJournal(const std::string& folder, const std::map<std::string, std::string>& jobs, Start start);
  ~SweepJournal();
  SweepJournal(const SweepJournal&) = delete;
  SweepJournal& operator=(const SweepJournal&) = delete;

  /// Appends a line. Thread-safe. Throws Error (I/O).
  void note(const std::string& job, const std::string& event, const std::string& reason = "");

 private:
  std::string path_;
  int lock_ = -1;
  int journal_ = -1;
  std::mutex mutex_;
};

}  // namespace laser
