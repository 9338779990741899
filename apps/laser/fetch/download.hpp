// One file from one of several mirrors, over connections that break (libcurl does the transfer).
//
// What arrives is kept in "<destination>.part", also across runs, and continued with Range requests. Only a
// file of the right size and SHA-256 gets its name: a file that was there before is replaced by that or left
// as it is. Not for files whose hash is unknown.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace laser {

/// What is wanted.
struct DownloadRequest {
  std::vector<std::string> urls;  // http or https, in the order in which they are tried
  std::filesystem::path destination;
  std::uint64_t bytes = 0;
  std::string sha256;  // 64 lower-case hexadecimal digits
  std::string hint;    // ends the text of the error when no mirror gives the file
};

struct DownloadProgress {
  std::uint64_t done = 0;     // bytes on the disk
  std::uint64_t total = 0;    // bytes of the whole file
  std::uint64_t resumed = 0;  // of `done`, from an earlier run
};

struct DownloadControl {
  std::function<bool()> stop = [] { return false; };
  std::function<void(const DownloadProgress&)> progress = [](const DownloadProgress&) {};
  int attempts = 4;                           // of every mirror without a new byte, before giving up
  std::chrono::milliseconds first_wait{500};  // between attempts; doubles up to 30 s while nothing arrives
  std::chrono::seconds stall{30};             // without a byte, after which a connection counts as broken
};

/// Fetches the file; false if `stop` asked to end, which keeps the part. Throws Error (I/O) when no mirror
/// gives the file, naming each mirror's reason, or when the disk is full.
bool download(const DownloadRequest& request, const DownloadControl& control);

}  // namespace laser
