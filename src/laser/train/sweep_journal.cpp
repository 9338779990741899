#include "laser/train/sweep_journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <filesystem>

#include "laser/core/atomic_file.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/input_file.hpp"
#include "laser/core/system_call.hpp"
#include "laser/record/json.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;

std::string now_text() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string names(const std::map<std::string, std::string>& jobs,
                  const std::map<std::string, std::string>& without) {
  std::string text;
  int more = 0;
  for (const auto& [name, hash] : jobs) {
    const auto found = without.find(name);
    if (found != without.end() && found->second == hash) continue;
    if (text.size() > 200) {
      ++more;
    } else {
      text += (text.empty() ? "" : ", ") + name;
    }
  }
  return more > 0 ? fmt::format("{} and {} more", text, more) : text;
}

}  // namespace

std::map<std::string, std::string> read_grid(const std::string& path) {
  return parse_texts(InputFile(path).text(kMaxRecordBytes), {path});
}

SweepJournal::SweepJournal(const std::string& folder, const std::map<std::string, std::string>& jobs,
                           Start start)
    : path_(folder + "/journal.jsonl") {
  create_folders(folder);
  const auto lock = folder + "/.lock";
  lock_ = uninterrupted([&] { return open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666); });
  if (lock_ < 0) fail(ExitCode::kIo, "{}: can't write: {}", lock, system_reason(errno));
  try {
    if (!lock_file(lock_)) {
      fail(ExitCode::kIo, "another process works on {}. HINT: wait for it, or choose another --out", folder);
    }
    const auto grid_path = folder + "/sweep.json";
    const bool exists = fs::exists(grid_path);
    if (exists && start == Start::kNew) {
      fail(ExitCode::kIo,
           "{} already holds a sweep. HINT: --resume goes on with the missing runs; 'laser report {}' shows "
           "those that are there; or choose another --out",
           folder, folder);
    }
    auto known = jobs;
    if (exists) {
      const auto before = read_grid(grid_path);
      if (start == Start::kResume && before != jobs) {
        const auto added = names(jobs, before), removed = names(before, jobs);
        fail(ExitCode::kConfiguration,
             "the grid is not the one of {}:{}{}. HINT: give the same settings, or --extend to take over the "
             "new grid",
             folder, added.empty() ? "" : " it has now " + added,
             removed.empty() ? "" : (added.empty() ? " it lacks " : " and lacks ") + removed);
      }
      known.insert(before.begin(), before.end());
    }
    write_file_atomically(grid_path, to_json(known));
    journal_ =
        uninterrupted([&] { return open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666); });
    if (journal_ < 0) fail(ExitCode::kIo, "{}: can't write: {}", path_, system_reason(errno));
  } catch (...) {
    close(lock_);
    throw;
  }
}

SweepJournal::~SweepJournal() {
  close(journal_);
  close(lock_);
}

void SweepJournal::note(const std::string& job, const std::string& event, const std::string& reason) {
  auto line = to_json({{"time", now_text()}, {"job", job}, {"event", event}, {"reason", reason}});
  std::erase(line, '\n');
  const std::scoped_lock lock(mutex_);
  line += '\n';
  if (!write_all(journal_, line)) {
    fail(ExitCode::kIo, "{}: can't write {} bytes: {}", path_, line.size(), system_reason(errno));
  }
}

}  // namespace laser
