#include "laser/data/data_files.hpp"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "laser/core/fail.hpp"
#include "laser/core/input_file.hpp"
#include "laser/core/mapped_file.hpp"
#include "laser/core/resources.hpp"
#include "laser/data/inflate.hpp"
#include "laser/hash/sha256.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;
using Finding = FileCheck::Finding;

constexpr std::size_t kMostSums = 1u << 20;
constexpr const char* kOtherHash = "its SHA-256 is not the published one";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// This program's part of the user's cache; nothing without a home.
std::optional<fs::path> user_cache() {
  // The standard says that a relative path there is to be ignored [XDG Base Directory Specification].
  if (const fs::path cache = environment("XDG_CACHE_HOME"); cache.is_absolute()) return cache / "laser";
  const auto home = environment("HOME");
  if (home.empty()) return {};
  return fs::path(home) / ".cache" / "laser";
}

std::string_view trimmed(std::string_view text) {
  const auto first = std::min(text.find_first_not_of(" \t\r"), text.size());
  text.remove_prefix(first);
  return text.substr(0, text.find_last_not_of(" \t\r") + 1);
}

/// A line of sha256sum, "<64 hex digits>  <name>" or with --tag "SHA256 (<name>) = <64 hex digits>", as a
/// name and its hash; nothing for another line.
std::optional<std::pair<std::string, std::string>> parse_sum(std::string_view line) {
  std::string_view hash, name;
  constexpr std::string_view kTag = "SHA256 (";
  if (line.starts_with(kTag)) {
    const auto end = line.rfind(") = ");
    if (end == std::string_view::npos) return {};
    name = line.substr(kTag.size(), end - kTag.size());
    hash = line.substr(end + 4);
  } else {
    hash = line.substr(0, 64);
    name = line.substr(hash.size());
    if (name.size() < 2 || (name[0] != ' ' && name[0] != '\t')) return {};
    name = trimmed(name);
    if (name.starts_with('*')) name.remove_prefix(1);
  }
  while (name.starts_with("./")) name.remove_prefix(2);
  std::string digits(hash);
  for (char& c : digits) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (name.empty() || digits.size() != 64 ||
      digits.find_first_not_of("0123456789abcdef") != std::string::npos)
    return {};
  return std::pair{std::string(name), digits};
}

/// The hashes of a SHA256SUMS, by name: whoever wrote it, on whichever system.
std::map<std::string, std::string> read_sums(const fs::path& folder) {
  std::map<std::string, std::string> sums;
  const auto path = folder / kSumsName;
  if (!is_there(path.string())) return sums;
  const MappedFile file(path.string());
  if (file.bytes().size() > kMostSums) fail(ExitCode::kData, "{} is too long", path.string());
  std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    line = trimmed(line);
    if (line.empty() || line.starts_with('#')) continue;
    const auto sum = parse_sum(line);
    if (!sum)
      fail(ExitCode::kData, "{} is not in the format of sha256sum: '{}'", path.string(), line.substr(0, 100));
    sums[sum->first] = sum->second;
  }
  return sums;
}

/// Whether a name holds all the words; "a|b" is either.
bool holds_words(std::string name, const std::vector<std::string>& words) {
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto holds = [&](const std::string& word) {
    const auto bar = std::min(word.find('|'), word.size());
    return name.find(word.substr(0, bar)) != std::string::npos ||
           (bar < word.size() && name.find(word.substr(bar + 1)) != std::string::npos);
  };
  return std::ranges::all_of(words, holds);
}

/// Where a file is: under its own name, else the only one of a name that fits. Two that fit are none, and
/// `others` says which they are.
fs::path place_of(const DataFile& file, const fs::path& folder, std::string* others = nullptr) {
  const auto own = folder / file.name;
  if (file.words.empty() || is_there(own.string())) return own;
  // By name without .gz: packed and unpacked are one, unpacked is read
  std::map<std::string, fs::path> found;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    auto name = entry->path().filename().string();
    if (!entry->is_regular_file(ignored) || name.ends_with(".part") || !holds_words(name, file.words))
      continue;
    const bool packed = name.ends_with(".gz");
    if (packed) name.erase(name.size() - 3);
    if (!packed || !found.contains(name)) found[name] = entry->path();
  }
  if (found.size() == 1) return found.begin()->second;
  if (others != nullptr) {
    for (const auto& [name, path] : found)
      *others += (others->empty() ? "" : ", ") + path.filename().string();
  }
  return own;
}

std::string content_hash(std::span<const std::byte> bytes, const std::string& name) {
  Inflater content(bytes, Inflater::Format::kGzip, name);
  Sha256 hash;
  for (auto piece = content.next(); !piece.empty(); piece = content.next()) hash.update(piece);
  return hash.hex();
}

std::string size_fault(const DataFile& file, std::size_t bytes) {
  if (bytes == 0) return "it is empty";
  return file.bytes == 0 || bytes == file.bytes ? ""
                                                : fmt::format("it has {} bytes, not {}", bytes, file.bytes);
}

/// What a file should be held against, and how that went.
FileCheck check_file(const DataSet& set, const DataFile& file, const fs::path& folder,
                     const std::map<std::string, std::string>& sums, bool hashes) {
  FileCheck check;
  check.file = file;
  std::string others;
  check.path = place_of(file, folder, &others);
  if (!is_there(check.path.string())) {
    if (!others.empty()) check.reason = fmt::format("several files could be it: {}", others);
    return check;
  }
  check.finding = Finding::kDamaged;
  const MappedFile mapped(check.path.string());
  const auto vouched = sums.find(check.path.filename().string());
  const bool own = vouched != sums.end();  // a version of the user's own may have another size
  check.reason = size_fault(own ? DataFile{} : file, mapped.bytes().size());
  if (!check.reason.empty()) return check;
  if (hashes) {
    const auto whole = sha256_hex(mapped.bytes());
    check.sha256 = whole;
    if (set.idx && is_gzip(mapped.bytes())) {
      try {
        check.sha256 = content_hash(mapped.bytes(), check.path.string());
      } catch (const Error& error) {
        check.reason = error.what();
        return check;
      }
    }
    const bool published = !file.sha256.empty() && check.sha256 == file.sha256;
    if (own ? whole != vouched->second : !file.sha256.empty() && !published) {
      check.reason = own ? fmt::format("its SHA-256 is not that of {}", kSumsName) : kOtherHash;
      return check;
    }
    check.finding = own ? Finding::kVouched : published ? Finding::kPublished : Finding::kStructured;
    if (own && published) check.finding = Finding::kPublished;
  }
  check.reason = record_fault(set.records, mapped.bytes());
  if (!check.reason.empty()) {
    check.finding = Finding::kDamaged;
  } else if (!hashes) {
    check.finding = Finding::kStructured;
  }
  return check;
}

// Folders below `data` in which the files of a set may lie, best first.
std::vector<fs::path> places_of(const DataSet& set, const fs::path& data) {
  std::vector<fs::path> places{data / set.name};
  const fs::path member = set.files().front().member;
  if (member.has_parent_path()) places.push_back(data / member.parent_path());
  if (set.own_file_names) places.push_back(data);
  // As torchvision keeps them: the folder that it was given, or the one of a data set.
  if (set.idx) places.insert(places.end(), {data / "MNIST" / "raw", data / "raw"});
  return places;
}

/// A word on what lies there instead: CIFAR for Python, which is what torchvision downloads.
std::string other_form(const DataSet& set, const std::string& given) {
  if (set.records.bytes == 0) return "";
  const std::string python = set.name == "cifar10" ? "cifar-10-batches-py" : "cifar-100-python";
  std::error_code ignored;
  const auto data = data_folder(given);
  for (const auto& folder : {data / python, data / set.name / python, data}) {
    const auto first = folder / (set.name == "cifar10" ? "data_batch_1" : "train");
    if (!fs::is_regular_file(first, ignored)) continue;
    return fmt::format(" ({} holds the same images as pickles for Python, which are not read here)",
                       folder.string());
  }
  return "";
}

}  // namespace

fs::path data_folder(const std::string& given) {
  if (!given.empty()) return given;
  if (const auto folder = environment("LASER_DATA_DIR"); !folder.empty()) return folder;
  const auto cache = user_cache();
  if (!cache) {
    fail(ExitCode::kIo, "no folder for data: HOME is not set. HINT: set LASER_DATA_DIR or pass --data-dir");
  }
  return *cache / "data";
}

std::vector<fs::path> token_folders(const std::string& given) {
  std::vector<fs::path> folders{data_folder(given) / "tokens"};
  if (const auto cache = user_cache(); cache && *cache / "tokens" != folders[0])
    folders.push_back(*cache / "tokens");
  return folders;
}

fs::path folder_of(const DataSet& set, const std::string& given) {
  std::vector<fs::path> places;
  // A set that ships with the program needs no home.
  const bool anywhere = given.empty() && set.embedded;
  try {
    places = places_of(set, data_folder(given));
  } catch (const Error&) {
    if (!anywhere) throw;
  }
  if (anywhere) places.push_back(resource_root() / "data" / set.name);
  const auto files = set.files();
  const auto holds_any = [&](const fs::path& place) {
    return std::any_of(files.begin(), files.end(),
                       [&](auto& file) { return is_there(place_of(file, place).string()); });
  };
  const auto found = std::find_if(places.begin(), places.end(), holds_any);
  return found != places.end() ? *found : places.front();
}

fs::path path_of(const DataFile& file, const fs::path& folder) { return place_of(file, folder); }

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

std::string finding_text(const std::vector<FileCheck>& checks) {
  const auto any = [&](Finding finding) {
    return std::any_of(checks.begin(), checks.end(), [&](auto& check) { return check.finding == finding; });
  };
  if (any(Finding::kStructured)) return "no SHA-256 is known; checked by structure";
  if (any(Finding::kVouched)) return "have the SHA-256 of their SHA256SUMS";
  return "have the published SHA-256";
}

ReadySet ready_set(const DataSet& set, const std::string& given, bool verify) {
  ReadySet ready;
  ready.folder = folder_of(set, given);
  const auto checks = check_files(set, ready.folder, verify);
  std::string hashes;
  for (const auto& check : checks) {
    if (check.finding == Finding::kMissing) {
      fail(ExitCode::kData,
           "{} is missing{}{}. HINT: run 'laser data fetch {}{}'; without network, {}, or set data_dir to "
           "where they are",
           check.path.string(), check.reason.empty() ? "" : ": " + check.reason, other_form(set, given),
           set.name, given.empty() ? "" : " --data-dir " + given, manual_hint(set, ready.folder));
    }
    if (!check.right()) {
      fail(ExitCode::kData,
           "{} is not right: {}. HINT: 'laser data fetch {}{}' brings the published files; for a version of "
           "your own, 'sha256sum FILE... > {}' beside the files vouches for it{}",
           check.path.string(), check.reason, set.name, given.empty() ? "" : " --data-dir " + given,
           kSumsName, check.reason == kOtherHash ? ", or verify_data=false reads it as it is" : "");
    }
    ready.files.push_back(check.path);
    hashes += fmt::format("{}  {}\n", check.sha256, check.file.name);
  }
  ready.facts["data"] = ready.folder.string();
  ready.facts["data_check"] = verify ? finding_text(checks) : "not checked (verify_data = false)";
  if (verify) ready.facts["data_sha256"] = sha256_hex(std::as_bytes(std::span(hashes)));
  return ready;
}

fs::path ready_folder(const DataSet& set, const std::string& given, bool verify) {
  return ready_set(set, given, verify).folder;
}

}  // namespace laser
