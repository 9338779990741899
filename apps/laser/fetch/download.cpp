#include "laser/fetch/download.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <system_error>
#include <thread>

#include "laser/core/fail.hpp"
#include "laser/core/mapped_file.hpp"
#include "laser/core/system_call.hpp"
#include "laser/fetch/transfer.hpp"
#include "laser/hash/sha256.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr milliseconds kLongestWait{30000};

// "<destination>.part", locked against a second program that fetches the same file.
class Part {
 public:
  explicit Part(const fs::path& destination)
      : destination_(destination.string()), path_(destination_ + ".part"), descriptor_(uninterrupted([&] {
          return open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        })) {
    if (descriptor_ < 0) refuse("can't write");
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      close(descriptor_);
      fail(ExitCode::kIo, "{} is being fetched by another program. HINT: wait for it", destination_);
    }
    struct stat status {};
    if (fstat(descriptor_, &status) == 0) size_ = static_cast<std::uint64_t>(status.st_size);
  }
  ~Part() {
    if (size_ == 0 && !placed_) unlink(path_.c_str());
    close(descriptor_);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  [[nodiscard]] std::uint64_t size() const { return size_; }

  void append(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) refuse(fmt::format("can't write {} bytes after the first {}", bytes.size(), size_));
      size_ += static_cast<std::uint64_t>(written);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }
  void clear() {
    if (uninterrupted([&] { return ftruncate(descriptor_, 0); }) != 0) refuse("can't write");
    size_ = 0;
  }
  [[nodiscard]] std::string sha256() const { return sha256_hex(MappedFile(path_).bytes()); }
  void put_in_place() {
    if (uninterrupted([&] { return fsync(descriptor_); }) != 0) refuse("can't write");
    if (uninterrupted([&] { return rename(path_.c_str(), destination_.c_str()); }) != 0)
      refuse("can't write");
    placed_ = true;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    fail(ExitCode::kIo, "{}: {}: {}", path_, what, std::generic_category().message(errno));
  }
  std::string destination_;
  std::string path_;
  int descriptor_;
  std::uint64_t size_ = 0;
  bool placed_ = false;
};

struct Mirror {
  std::string url;
  std::string reason;  // of its last failure
  int wrong_files = 0;
  bool given_up = false;
};

class Download {
 public:
  Download(const DownloadRequest& request, const DownloadControl& control)
      : request_(request), control_(control), part_(request.destination) {
    LASER_CHECK(request.bytes > 0 && request.sha256.size() == 64);
    for (const auto& url : request.urls) mirrors_.push_back({url, "", 0, false});
    if (part_.size() > request.bytes) part_.clear();
    furthest_ = part_.size();
    progress_ = {furthest_, request.bytes, furthest_};
  }

  bool run() {
    if (part_.size() == request_.bytes && finish(nullptr)) return true;
    for (int failures = 0; failures < control_.attempts; ++failures) {
      const auto before = furthest_;
      for (auto& mirror : mirrors_) {
        if (mirror.given_up) continue;
        const auto end = attempt(mirror);
        if (end == TransferEnd::kStopped) return false;
        if (part_.size() == request_.bytes && finish(&mirror)) return true;
      }
      if (std::all_of(mirrors_.begin(), mirrors_.end(), [](auto& m) { return m.given_up; })) break;
      if (furthest_ > before) {  // a connection that breaks often still gets there
        failures = -1;
        wait_ = control_.first_wait;
      }
      if (failures + 1 < control_.attempts && !sleep()) return false;
    }
    give_up();
  }

 private:
  TransferEnd attempt(Mirror& mirror) {
    Transfer transfer{mirror.url, part_.size(), request_.bytes, control_.stall, {}, {}};
    transfer.append = [&](auto bytes) { part_.append(bytes); };
    transfer.stop = [&] {
      progress_.done = part_.size();
      control_.progress(progress_);
      return control_.stop();
    };
    auto result = run_transfer(transfer);
    // A response without a length just ends where the connection does.
    if (result.end == TransferEnd::kComplete && part_.size() < request_.bytes) {
      result = {TransferEnd::kBroken, fmt::format("ends after {} of {} bytes", part_.size(), request_.bytes)};
    }
    furthest_ = std::max(furthest_, part_.size());
    mirror.given_up = result.end == TransferEnd::kRefused;
    mirror.reason = std::move(result.reason);
    return result.end;
  }

  // The part is as long as the file: it is the file, or worthless. A mirror may be wrong once, as its bytes
  // may have continued those of another.
  bool finish(Mirror* mirror) {
    if (part_.sha256() == request_.sha256) {
      part_.put_in_place();
      return true;
    }
    part_.clear();
    furthest_ = progress_.resumed = 0;
    if (mirror != nullptr) {
      mirror->reason = "its file has another SHA-256";
      mirror->given_up = mirror->given_up || ++mirror->wrong_files == 2;
    }
    return false;
  }

  // False if the user asks to stop meanwhile.
  bool sleep() {
    const auto until = std::chrono::steady_clock::now() + wait_;
    wait_ = std::min(2 * wait_, kLongestWait);
    while (std::chrono::steady_clock::now() < until) {
      if (control_.stop()) return false;
      std::this_thread::sleep_for(std::min(wait_, milliseconds(50)));
    }
    return true;
  }

  [[noreturn]] void give_up() const {
    std::string reasons;
    for (const auto& mirror : mirrors_)
      reasons += fmt::format("{}{} ({})", reasons.empty() ? "" : "; ", mirror.reason, mirror.url);
    fail(ExitCode::kIo, "{} can't be fetched: {}{}", request_.destination.filename().string(), reasons,
         request_.hint);
  }

  const DownloadRequest& request_;
  const DownloadControl& control_;
  Part part_;
  std::vector<Mirror> mirrors_;
  DownloadProgress progress_;
  std::uint64_t furthest_ = 0;
  milliseconds wait_ = control_.first_wait;
};

}  // namespace

bool download(const DownloadRequest& request, const DownloadControl& control) {
  return Download(request, control).run();
}

}  // namespace laser
