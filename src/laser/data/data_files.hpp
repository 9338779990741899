// Data sets on this machine: where their files are, and whether they are right. Fetching what is
// missing is the program's.
//
// A file counts as right by the first of these that is there: the line for it in a SHA256SUMS file beside it
// (in a format of sha256sum; fetching writes one where no hash is published, and users vouch for their own
// version of a data set with one), the published hash, its size and structure.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "laser/data/catalog.hpp"

namespace laser {

inline constexpr const char* kSumsName = "SHA256SUMS";

/// The folder of all data sets: `given`, or if that is empty $LASER_DATA_DIR, or laser/data in
/// $XDG_CACHE_HOME or ~/.cache. Throws Error (I/O) if none of them is known.
std::filesystem::path data_folder(const std::string& given);

/// Where the tokens of texts may be kept, best first: beside the data, and in the user's cache, for data that
/// can only be read.
std::vector<std::filesystem::path> token_folders(const std::string& given);

/// Where the files of a set are, or <data>/<name> if they are nowhere, where <data> is data_folder(given):
/// that folder, the one that its archive unpacks to (<data>/cifar-10-batches-bin), <data> itself, the one of
/// torchvision (<data>/MNIST/raw), or, where no folder is given, the one that ships with the program.
std::filesystem::path folder_of(const DataSet& set, const std::string& given);

/// Where a file of a set is in its folder, under its own name or another one that is in use; its own
/// where it is missing.
std::filesystem::path path_of(const DataFile& file, const std::filesystem::path& folder);

/// What a check found out about one file.
struct FileCheck {
  enum class Finding {
    kMissing,
    kDamaged,     // not what it should be
    kPublished,   // has the published SHA-256
    kVouched,     // has the SHA-256 of SHA256SUMS
    kStructured,  // no hash is known; size and structure are right
  };
  DataFile file;
  std::filesystem::path path;  // where it is, or should be
  Finding finding = Finding::kMissing;
  std::string reason;  // for kDamaged
  std::string sha256;  // of its content; empty where it was not computed
  [[nodiscard]] bool right() const { return finding != Finding::kMissing && finding != Finding::kDamaged; }
};

/// Reads and checks all files of a set in its folder; without `hashes` by size and structure only. Throws
/// Error (data) if SHA256SUMS can't be read.
std::vector<FileCheck> check_files(const DataSet& set, const std::filesystem::path& folder,
                                   bool hashes = true);

/// What the hashes of a set's right files are held against, in words.
std::string finding_text(const std::vector<FileCheck>& checks);

/// A set whose files are all there and right.
struct ReadySet {
  std::filesystem::path folder;
  std::vector<std::filesystem::path> files;  // in the order of the catalogue
  std::map<std::string, std::string> facts;  // for the records: "data", "data_check", "data_sha256"
};

/// The set for those who read it. `given` as in data_folder; without `verify` no hashes are computed. Throws
/// Error (data) naming the file, what is wrong with it, and what to put where.
ReadySet ready_set(const DataSet& set, const std::string& given, bool verify);

/// Its folder.
std::filesystem::path ready_folder(const DataSet& set, const std::string& given, bool verify);

/// "put <files> into <folder>", for texts to users without network.
std::string manual_hint(const DataSet& set, const std::filesystem::path& folder);

}  // namespace laser
