// Content of compressed bytes in pieces, so that no archive is in memory whole (zlib does the work).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct z_stream_s;  // zlib's

namespace laser {

/// Inflates one stream. `name` is for the texts of errors.
class Inflater {
 public:
  /// kGzip has a checksum at its end, which is verified; kRaw (inside zip) has none.
  enum class Format { kGzip, kRaw };
  Inflater(std::span<const std::byte> compressed, Format format, std::string name);
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// The next piece of the content, valid until the next call; empty at its end. Throws Error (data) if the
  /// stream is damaged or cut short.
  std::span<const std::byte> next();
  /// Compressed bytes that the stream has not used.
  [[nodiscard]] std::size_t left() const;

 private:
  std::unique_ptr<z_stream_s> stream_;
  std::span<const std::byte> rest_;  // not yet handed to zlib
  std::string name_;
  std::vector<std::byte> piece_;
  bool done_ = false;
};

/// Whether bytes begin like those of gzip.
[[nodiscard]] bool is_gzip(std::span<const std::byte> bytes);

}  // namespace laser
