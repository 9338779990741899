// Archives made in memory: right ones, and with every field open to lies.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

#include "laser/core/fail.hpp"

namespace laser {

/// zlib's deflate of a text: as a gzip file, or without header as inside zip.
inline std::string deflated(const std::string& text, bool gzip) {
  z_stream stream{};
  LASER_CHECK(deflateInit2(&stream, 6, Z_DEFLATED, gzip ? 15 + 16 : -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  LASER_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string gzipped(const std::string& text) { return deflated(text, true); }

struct TarEntry {
  std::string path, content;
  char type = '0';          // '2': a symbolic link
  std::string target = "";  // of a link
  std::string prefix = "";  // folders before `path`
};

inline std::string tar_entry(const TarEntry& entry) {
  std::string header(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) { header.replace(at, text.size(), text); };
  put(0, entry.path);
  put(100, fmt::format("{:07o}", 0644));
  put(124, fmt::format("{:011o}", entry.content.size()));
  put(156, std::string(1, entry.type));
  put(157, entry.target);
  put(257, std::string("ustar\00000", 8));
  put(345, entry.prefix);
  put(148, std::string(8, ' '));
  unsigned sum = 0;
  for (const auto c : header) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return header + entry.content + std::string((512 - entry.content.size() % 512) % 512, '\0');
}

inline std::string tar_of(const std::vector<TarEntry>& entries) {
  std::string text;
  for (const auto& entry : entries) text += tar_entry(entry);
  return text + std::string(1024, '\0');
}

struct ZipFile {
  std::string path, content;
  std::uint16_t method = 8;  // 0: stored
  std::uint16_t flags = 0;
  std::uint32_t crc_error = 0, size_error = 0, place_error = 0;  // added to what the directory says
};

inline std::string zip_of(const std::vector<ZipFile>& files, const std::string& comment = "") {
  const auto number = [](std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i, value >>= 8) text += static_cast<char>(value);
    return text;
  };
  std::string out, directory;
  for (const auto& file : files) {
    const auto packed = file.method == 8 ? deflated(file.content, false) : file.content;
    const auto crc = static_cast<std::uint32_t>(
        crc32_z(0, reinterpret_cast<const Bytef*>(file.content.data()), file.content.size()));
    const auto fields = number(20, 2) + number(file.flags, 2) + number(file.method, 2) + number(0, 4) +
                        number(crc + file.crc_error, 4) + number(packed.size(), 4) +
                        number(file.content.size() + file.size_error, 4) + number(file.path.size(), 2);
    directory += number(0x02014b50, 4) + number(20, 2) + fields + number(0, 12) +
                 number(out.size() + file.place_error, 4) + file.path;
    out += number(0x04034b50, 4) + fields + number(0, 2) + file.path + packed;
  }
  const auto count = number(files.size(), 2);
  return out + directory + number(0x06054b50, 4) + number(0, 4) + count + count +
         number(directory.size(), 4) + number(out.size(), 4) + number(comment.size(), 2) + comment;
}

}  // namespace laser
