// Which data sets are known: their files, where they come from, and how to tell that they are right.
//
// Facts only. Checking them is data_files.hpp, fetching them the program's; reading them is
// mnist.hpp and its neighbours.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "laser/data/records.hpp"

namespace laser {

/// A file that a data set consists of once it is here.
struct DataFile {
  std::string name;                  // in the folder of the set
  std::uint64_t bytes = 0;           // 0: not known
  std::string sha256;                // of its content, of a .gz of what is packed in it; empty: not known
  std::string member;                // its path in the archive that holds it
  std::vector<std::string> words{};  // of an IDX file: those that its name holds, whoever gave the name
};

enum class Packing { kNone, kTarGz, kZip };

/// Something that is fetched: an archive of files, or (kNone) one file as it is.
struct DataSource {
  std::string name;  // as it is saved
  std::uint64_t bytes = 0;
  std::string sha256;
  std::vector<std::string> urls;
  Packing packing = Packing::kNone;
  std::vector<DataFile> files;  // that come out of it
};

struct DataSet {
  std::string name;
  std::string what;
  bool embedded = false;  // its files ship with the program, in data/<name>
  std::vector<DataSource> sources;
  RecordFormat records;
  bool own_file_names = true;  // names that no other set has: the files may lie in any folder
  bool idx = false;            // IDX files, packed or not, under any of the names that are in use
  /// All its files.
  [[nodiscard]] std::vector<DataFile> files() const;
};

/// Bytes at most of a file whose size is not known.
inline constexpr std::uint64_t kMostUnknownBytes = 1'000'000'000;

/// All data sets, in the order of the list.
const std::vector<DataSet>& data_sets();

/// The data set of that name. Throws Error (usage) with the nearest known name if there is none.
const DataSet& find_data_set(std::string_view name);

}  // namespace laser
