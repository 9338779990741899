// The zip format [PKWARE APPNOTE]: the directory at the end says where every file begins.
#include <zlib.h>

#include <algorithm>
#include <functional>
#include <string_view>

#include "laser/core/fail.hpp"
#include "laser/data/inflate.hpp"
#include "laser/fetch/archive.hpp"

namespace laser {
namespace {

constexpr std::uint32_t kEndMark = 0x06054b50, kEntryMark = 0x02014b50, kFileMark = 0x04034b50;
constexpr std::size_t kEndBytes = 22, kEntryBytes = 46, kFileBytes = 30, kMostComment = 65535;
constexpr std::uint32_t kInZip64 = 0xffffffff;  // stands for "the number is in a ZIP64 field"

struct ZipEntry {
  std::string path;
  std::uint16_t flags, method;
  std::uint32_t crc, packed, unpacked, place;
};

// Little-endian numbers at checked places.
class ZipBytes {
 public:
  ZipBytes(std::span<const std::byte> bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  [[noreturn]] void refuse(const std::string& reason) const {
    fail(ExitCode::kData, "{} is damaged: {}", name_, reason);
  }
  [[nodiscard]] std::span<const std::byte> part(std::size_t first, std::size_t size) const {
    if (first > bytes_.size() || size > bytes_.size() - first) refuse("an entry lies beyond its end");
    return bytes_.subspan(first, size);
  }
  [[nodiscard]] std::uint16_t u16(std::size_t at) const {
    const auto b = part(at, 2);
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(b[0]) | std::to_integer<unsigned>(b[1]) << 8);
  }
  [[nodiscard]] std::uint32_t u32(std::size_t at) const {
    return u16(at) | static_cast<std::uint32_t>(u16(at + 2)) << 16;
  }
  [[nodiscard]] std::string text(std::size_t first, std::size_t size) const {
    const auto bytes = part(first, size);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }

 private:
  std::span<const std::byte> bytes_;
  const std::string& name_;
};

// Where the end record is: last, but for a comment.
std::size_t find_end(const ZipBytes& zip) {
  if (zip.size() < kEndBytes) zip.refuse("it is too short for a zip archive");
  const std::size_t last = zip.size() - kEndBytes;
  const std::size_t first = last > kMostComment ? last - kMostComment : 0;
  for (std::size_t at = last + 1; at-- > first;)
    if (zip.u32(at) == kEndMark && at + kEndBytes + zip.u16(at + 20) == zip.size()) return at;
  zip.refuse("the directory at its end is missing");
}

std::vector<ZipEntry> read_directory(const ZipBytes& zip) {
  const auto end = find_end(zip);
  const std::size_t count = zip.u16(end + 10);
  std::size_t at = zip.u32(end + 16);
  std::vector<ZipEntry> entries;
  for (std::size_t i = 0; i < count; ++i) {
    if (zip.u32(at) != kEntryMark) zip.refuse("its directory makes no sense");
    const std::size_t name = zip.u16(at + 28), extra = zip.u16(at + 30), comment = zip.u16(at + 32);
    entries.push_back({zip.text(at + kEntryBytes, name), zip.u16(at + 8), zip.u16(at + 10), zip.u32(at + 16),
                       zip.u32(at + 20), zip.u32(at + 24), zip.u32(at + 42)});
    at += kEntryBytes + name + extra + comment;
  }
  return entries;
}

// Hands over one file and holds it against what the directory says of it.
void read_file_of(const ZipBytes& zip, const ZipEntry& entry, const std::string& name,
                  const std::function<void(std::span<const std::byte>)>& sink) {
  if (zip.u32(entry.place) != kFileMark) zip.refuse(fmt::format("{} is not where it should be", entry.path));
  const std::size_t first = std::size_t{entry.place} + kFileBytes + zip.u16(std::size_t{entry.place} + 26) +
                            zip.u16(std::size_t{entry.place} + 28);
  const auto packed = zip.part(first, entry.packed);
  std::uint64_t size = 0;
  uLong crc = crc32(0, nullptr, 0);
  const auto take = [&](std::span<const std::byte> piece) {
    size += piece.size();
    if (size > entry.unpacked) zip.refuse(fmt::format("{} is longer than it says", entry.path));
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(piece.data()), piece.size());
    sink(piece);
  };
  if (entry.method == 0) {
    take(packed);
  } else {
    Inflater inflater(packed, Inflater::Format::kRaw, name);
    for (auto piece = inflater.next(); !piece.empty(); piece = inflater.next()) take(piece);
    if (inflater.left() > 0) zip.refuse(fmt::format("bytes follow {}", entry.path));
  }
  if (size != entry.unpacked || crc != entry.crc)
    zip.refuse(fmt::format("the checksum of {} differs", entry.path));
}

}  // namespace

void read_zip(std::span<const std::byte> archive, const std::vector<ArchiveMember>& members,
              const std::string& name, const MemberSink& sink) {
  const ZipBytes zip(archive, name);
  const auto entries = read_directory(zip);
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto& path = members[i].path;
    const auto is_it = [&](const ZipEntry& entry) { return entry.path == path; };
    const auto entry = std::find_if(entries.begin(), entries.end(), is_it);
    if (entry == entries.end()) fail(ExitCode::kData, "{} holds no {}", name, path);
    if (std::count_if(entries.begin(), entries.end(), is_it) > 1)
      fail(ExitCode::kData, "{} holds {} twice", name, path);
    const bool zip64 = entry->packed == kInZip64 || entry->unpacked == kInZip64 || entry->place == kInZip64;
    if ((entry->flags & 1) != 0 || (entry->method != 0 && entry->method != 8) || zip64)
      fail(ExitCode::kData, "{} holds {} in a form that is not read (encrypted or ZIP64)", name, path);
    if (entry->unpacked > members[i].limit) {
      fail(ExitCode::kData, "{} holds {} with {} bytes, more than {}", name, path, entry->unpacked,
           members[i].limit);
    }
    read_file_of(zip, *entry, name, [&](auto piece) { sink(i, piece); });
  }
}

}  // namespace laser
