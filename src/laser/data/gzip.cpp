#include "laser/data/gzip.hpp"

#include <zlib.h>

#include "laser/core/error.hpp"
#include "laser/core/input_file.hpp"

namespace laser {

std::vector<std::byte> read_file(const std::filesystem::path& path, std::size_t limit) {
  InputFile file(path.string());
  if (file.size() > limit)
    fail(ExitCode::kData, "{} has {} bytes, more than the {} expected", path.string(), file.size(), limit);
  std::vector<std::byte> bytes(static_cast<std::size_t>(file.size()));
  file.read(bytes);
  return bytes;
}

std::vector<std::byte> gunzip(const std::vector<std::byte>& compressed, std::size_t limit,
                              const std::filesystem::path& path) {
  std::vector<std::byte> content(limit + 1);
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) throw std::bad_alloc();
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  stream.next_out = reinterpret_cast<Bytef*>(content.data());
  stream.avail_out = static_cast<uInt>(content.size());
  const int status = inflate(&stream, Z_FINISH);
  const std::size_t size = content.size() - stream.avail_out;
  const std::string reason = stream.msg != nullptr ? stream.msg : "it ends too early";
  inflateEnd(&stream);
  if (size > limit) fail(ExitCode::kData, "{} holds more than the {} bytes expected", path.string(), limit);
  if (status != Z_STREAM_END) fail(ExitCode::kData, "{} is damaged: {}", path.string(), reason);
  content.resize(size);
  return content;
}

}  // namespace laser
