// Takes known files out of .tar.gz and .zip archives that come from outside.
//
// Nothing is written here and no name from an archive becomes a path: the caller says which members it wants
// and how large they may be, and is handed their bytes. Whatever else an archive holds (links, devices, names
// with "..") is passed over. Not a general archive reader: no ZIP64, no encryption, no long tar names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace laser {

/// A file that is wanted from an archive.
struct ArchiveMember {
  std::string path;         // as in the archive
  std::uint64_t limit = 0;  // bytes at most
};

/// Receives the bytes of member number `member` of the list, piece by piece and in order.
using MemberSink = std::function<void(std::size_t member, std::span<const std::byte> piece)>;

/// Reads a gzip-compressed tar archive (ustar) and hands over each member once, in the archive's order.
/// Throws Error (data) naming `name` if the archive is damaged or cut short, if a member is missing, comes
/// twice or is over its limit. Members handed over before that are not known to be right.
void read_tar_gz(std::span<const std::byte> archive, const std::vector<ArchiveMember>& members,
                 const std::string& name, const MemberSink& sink);

/// The same for a zip archive; each member is checked by its CRC-32.
void read_zip(std::span<const std::byte> archive, const std::vector<ArchiveMember>& members,
              const std::string& name, const MemberSink& sink);

}  // namespace laser
