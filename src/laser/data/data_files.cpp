#include "laser/data/data_files.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <span>

#include "laser/core/error.hpp"
#include "laser/core/mapped_file.hpp"
#include "laser/core/resources.hpp"
#include "laser/core/sha256.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;
using Finding = FileCheck::Finding;

constexpr std::size_t kMostSums = 1u << 20;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Lines of "<64 hex digits>  <name>", as sha256sum writes them.
std::map<std::string, std::string> read_sums(const fs::path& folder) {
  std::map<std::string, std::string> sums;
  const auto path = folder / kSumsName;
  if (!fs::exists(path)) return sums;
  const MappedFile file(path.string());
  if (file.bytes().size() > kMostSums) fail(ExitCode::kData, "{} is too long", path.string());
  std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto hash = line.substr(0, 64);
    const bool right = line.size() > 66 && line[64] == ' ' && (line[65] == ' ' || line[65] == '*') &&
                       hash.find_first_not_of("0123456789abcdef") == std::string_view::npos;
    if (!right) fail(ExitCode::kData, "{} is not in the format of sha256sum: '{}'", path.string(), line);
    sums[std::string(line.substr(66))] = hash;
  }
  return sums;
}

std::string size_fault(const DataFile& file, std::size_t bytes) {
  if (bytes == 0) return "it is empty";
  return file.bytes == 0 || bytes == file.bytes ? ""
                                                : fmt::format("it has {} bytes, not {}", bytes, file.bytes);
}

FileCheck check_file(const DataSet& set, const DataFile& file, const fs::path& folder,
                     const std::map<std::string, std::string>& sums, bool hashes) {
  FileCheck check{file, Finding::kMissing, ""};
  const auto path = folder / file.name;
  if (!fs::exists(path)) return check;
  check.finding = Finding::kDamaged;
  const MappedFile mapped(path.string());
  const auto vouched = sums.find(file.name);
  const bool own = vouched != sums.end();  // a version of the user's own may have another size
  check.reason = size_fault(own ? DataFile{} : file, mapped.bytes().size());
  if (!check.reason.empty()) return check;
  const auto expected = !hashes ? "" : own ? vouched->second : file.sha256;
  if (!expected.empty() && sha256_hex(mapped.bytes()) != expected) {
    check.reason = own ? fmt::format("its SHA-256 is not that of {}", kSumsName)
                       : "its SHA-256 is not the published one";
    return check;
  }
  check.reason = record_fault(set.records, mapped.bytes());
  if (!check.reason.empty()) return check;
  check.finding = expected.empty()          ? Finding::kStructured
                  : expected == file.sha256 ? Finding::kPublished
                                            : Finding::kVouched;
  return check;
}

// Folders in which the files of a set may lie, best first.
std::vector<fs::path> places_of(const DataSet& set, const fs::path& data) {
  std::vector<fs::path> places{data / set.name};
  const fs::path member = set.files().front().member;
  if (member.has_parent_path()) places.push_back(data / member.parent_path());
  if (set.own_file_names) places.push_back(data);
  if (set.embedded) places.push_back(resource_root() / "data" / set.name);
  return places;
}

}  // namespace

fs::path data_folder(const std::string& given) {
  if (!given.empty()) return given;
  if (const auto folder = environment("LASER_DATA_DIR"); !folder.empty()) return folder;
  // The standard says that a relative path there is to be ignored [XDG Base Directory Specification].
  if (const fs::path cache = environment("XDG_CACHE_HOME"); cache.is_absolute())
    return cache / "laser" / "data";
  const auto home = environment("HOME");
  if (home.empty()) {
    fail(ExitCode::kIo, "no folder for data: HOME is not set. HINT: set LASER_DATA_DIR or pass --data-dir");
  }
  return fs::path(home) / ".cache" / "laser" / "data";
}

fs::path folder_of(const DataSet& set, const fs::path& data) {
  const auto places = places_of(set, data);
  const auto files = set.files();
  const auto holds_any = [&](const fs::path& place) {
    return std::any_of(files.begin(), files.end(), [&](auto& file) { return fs::exists(place / file.name); });
  };
  const auto found = std::find_if(places.begin(), places.end(), holds_any);
  return found != places.end() ? *found : places.front();
}

std::vector<FileCheck> check_files(const DataSet& set, const fs::path& folder, bool hashes) {
  const auto sums = hashes ? read_sums(folder) : std::map<std::string, std::string>{};
  std::vector<FileCheck> checks;
  for (const auto& file : set.files()) checks.push_back(check_file(set, file, folder, sums, hashes));
  return checks;
}

std::string manual_hint(const DataSet& set, const fs::path& folder) {
  const auto& source = set.sources.front();
  std::string names;
  for (const auto& file : set.files()) names += (names.empty() ? "" : ", ") + file.name;
  const auto packed =
      source.packing == Packing::kNone ? "" : fmt::format("{} or what it holds, ", source.name);
  return fmt::format("put {}{} into {}", packed, names, fs::absolute(folder).lexically_normal().string());
}

fs::path ready_folder(const DataSet& set, const std::string& given, bool verify) {
  auto folder = folder_of(set, data_folder(given));
  for (const auto& check : check_files(set, folder, verify)) {
    const auto path = (folder / check.file.name).string();
    if (check.finding == Finding::kMissing) {
      fail(ExitCode::kData,
           "{} is missing. HINT: run 'laser data fetch {}'; without network, {}, or set data_dir to where "
           "they are",
           path, set.name, manual_hint(set, folder));
    }
    if (check.right()) continue;
    fail(ExitCode::kData,
         "{} is not right: {}. HINT: 'laser data fetch {}' brings the published files; for a version of your "
         "own, 'sha256sum FILE... > {}' beside the files vouches for it",
         path, check.reason, set.name, kSumsName);
  }
  return folder;
}

}  // namespace laser
