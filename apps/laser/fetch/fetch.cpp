// Downloads, and what comes out of archives.
#include "laser/fetch/fetch.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <system_error>

#include "laser/core/fail.hpp"
#include "laser/core/mapped_file.hpp"
#include "laser/data/data_files.hpp"
#include "laser/fetch/archive.hpp"
#include "laser/hash/sha256.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;

// A file under a temporary name until it is known to be right.
class NewFile {
 public:
  explicit NewFile(const fs::path& path)
      : path_(path), temporary_(path.string() + ".part"), stream_(temporary_, std::ios::binary) {
    check();
  }
  ~NewFile() {
    std::error_code ignored;
    if (!placed_) fs::remove(temporary_, ignored);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::span<const std::byte> bytes) {
    stream_.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    size_ += bytes.size();
    check();
    hash_.update(bytes);
  }
  void close() {
    stream_.close();
    check();
  }
  void put_in_place() {
    std::error_code error;
    fs::rename(temporary_, path_, error);
    if (error) fail(ExitCode::kIo, "{}: can't write: {}", path_.string(), error.message());
    placed_ = true;
  }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  std::string sha256() { return hash_.hex(); }

 private:
  void check() const {
    if (stream_) return;
    fail(ExitCode::kIo, "{}: can't write {} bytes: {}", path_.string(), size_,
         std::generic_category().message(errno));
  }
  fs::path path_;
  fs::path temporary_;
  std::ofstream stream_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
  bool placed_ = false;
};

void write_text(const fs::path& path, const std::string& text) {
  NewFile file(path);
  file.write(std::as_bytes(std::span(text)));
  file.close();
  file.put_in_place();
}

bool all_published(const DataSource& source) {
  return std::none_of(source.files.begin(), source.files.end(),
                      [](auto& file) { return file.sha256.empty(); });
}

// Unpacks all files of an archive whose own hash is right; they get their names when all of them are.
void unpack(const DataSource& source, const fs::path& archive, const fs::path& folder) {
  std::vector<ArchiveMember> members;
  std::vector<std::unique_ptr<NewFile>> files;
  for (const auto& file : source.files) {
    members.push_back({file.member, file.bytes > 0 ? file.bytes : kMostUnknownBytes});
    files.push_back(std::make_unique<NewFile>(folder / file.name));
  }
  const auto sink = [&](std::size_t i, std::span<const std::byte> piece) { files[i]->write(piece); };
  const MappedFile mapped(archive.string());
  const auto read = source.packing == Packing::kZip ? read_zip : read_tar_gz;
  read(mapped.bytes(), members, archive.string(), sink);
  std::string sums;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto& file = source.files[i];
    files[i]->close();
    const auto hash = files[i]->sha256();
    const bool right =
        (file.bytes == 0 || files[i]->size() == file.bytes) && (file.sha256.empty() || hash == file.sha256);
    if (!right) fail(ExitCode::kData, "{} holds another {} than it should", archive.string(), file.member);
    sums += fmt::format("{}  {}\n", hash, file.name);
  }
  for (const auto& file : files) file->put_in_place();
  if (!all_published(source)) write_text(folder / kSumsName, sums);
}

bool is_there(const DataSource& source, const fs::path& path) {
  std::error_code error;
  return fs::file_size(path, error) == source.bytes && !error &&
         sha256_hex(MappedFile(path.string()).bytes()) == source.sha256;
}

bool fetch_source(const DataSet& set, const DataSource& source, const fs::path& folder,
                  const FetchOptions& options) {
  const auto path = folder / source.name;
  const bool was_there = is_there(source, path);
  if (!was_there) {
    options.begin(source.name);
    DownloadRequest request{{}, path, source.bytes, source.sha256, ""};
    for (const auto& mirror : options.mirrors)
      request.urls.push_back(mirror + (mirror.ends_with('/') ? "" : "/") + source.name);
    request.urls.insert(request.urls.end(), source.urls.begin(), source.urls.end());
    request.hint = fmt::format(
        ". HINT: without network, put {} ({} bytes, SHA-256 {}) into {} and run 'laser data fetch {}' again",
        source.name, source.bytes, source.sha256, fs::absolute(folder).string(), set.name);
    if (!download(request, options.control)) return false;
  }
  if (source.packing == Packing::kNone) return true;
  unpack(source, path, folder);
  if (!was_there) fs::remove(path);
  return true;
}

}  // namespace

bool fetch_data_set(const DataSet& set, const fs::path& folder, const FetchOptions& options) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    fail(ExitCode::kIo, "{}: can't create the folder: {}. HINT: choose another --data-dir", folder.string(),
         error.message());
  }
  const auto checks = check_files(set, folder);
  for (const auto& source : set.sources) {
    const auto is_right = [&](const DataFile& file) {
      return std::any_of(checks.begin(), checks.end(),
                         [&](auto& check) { return check.file.name == file.name && check.right(); });
    };
    if (std::all_of(source.files.begin(), source.files.end(), is_right)) continue;
    // A published file among a user's own would make a data set that nobody has.
    if (all_published(source) && fs::exists(folder / kSumsName)) {
      fail(ExitCode::kData,
           "{} holds a version of its own of {}, vouched for by {}, and a file is missing or damaged. HINT: "
           "restore it, or remove {} to fetch the published version",
           folder.string(), set.name, kSumsName, kSumsName);
    }
    if (!fetch_source(set, source, folder, options)) return false;
  }
  return true;
}

}  // namespace laser
