// Whole .gz files in memory (zlib does the work; its checksum catches damage).
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

namespace laser {

/// The bytes of a file. Throws Error (data) with the path and the system's reason, or if it
/// is over `limit` bytes.
std::vector<std::byte> read_file(const std::filesystem::path& path, std::size_t limit);

/// The content of gzip data, at most `limit` bytes. Throws Error (data) naming `path` if it is damaged, cut
/// short or longer than that.
std::vector<std::byte> gunzip(const std::vector<std::byte>& compressed, std::size_t limit,
                              const std::filesystem::path& path);

}  // namespace laser
