#include "laser/record/safetensors.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "laser/core/atomic_file.hpp"
#include "laser/core/fail.hpp"
#include "laser/hash/sha256.hpp"
#include "laser/record/safetensors_header.hpp"

namespace laser {
namespace {

static_assert(std::endian::native == std::endian::little, "the file's numbers are used as they lie");

constexpr std::size_t kLengthBytes = 8;
constexpr std::string_view kDataHash = "sha256";
constexpr std::string_view kHeaderHash = "header_sha256";
const std::string kNoHash(64, '0');

// The JSON text of the header, once its claimed length has been held against the file's size.
std::string_view header_text(std::span<const std::byte> file, const std::string& path) {
  const auto refuse = [&](const std::string& reason) {
    fail(ExitCode::kData, "{}: not a valid safetensors file: {}", path, reason);
  };
  if (file.size() < kLengthBytes) refuse(fmt::format("it has {} bytes, too few for a header", file.size()));
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > file.size() - kLengthBytes) {
    refuse(fmt::format("its header claims {} bytes, and {} follow: cut short?", length,
                       file.size() - kLengthBytes));
  }
  if (length > kMaxSafetensorsHeader)
    refuse(fmt::format("its header has {} bytes, more than {}", length, kMaxSafetensorsHeader));
  return {reinterpret_cast<const char*>(file.data()) + kLengthBytes, static_cast<std::size_t>(length)};
}

// A quote inside a JSON text is written \", so this is found only where the entry itself is.
std::string hash_entry(std::string_view hash) { return fmt::format("\"{}\":\"{}\"", kHeaderHash, hash); }

std::string header_hash(std::string text, const std::string& stored) {
  const auto entry = hash_entry(stored);
  const auto place = text.find(entry);
  if (place != std::string::npos) text.replace(place, entry.size(), hash_entry(kNoHash));
  return sha256_hex(text);
}

std::string data_hash(const PlacedTensors& tensors) {
  Sha256 hash;
  for (const auto* item : tensors) hash.update(item->second.bytes);
  return hash.hex();
}

}  // namespace

SafetensorsFile::SafetensorsFile(std::string path)
    : path_(std::move(path)), file_(path_), header_(header_text(file_.bytes(), path_)) {
  data_ = file_.bytes().subspan(kLengthBytes + header_.size());
  auto header = parse_header(header_, data_, path_);
  tensors_ = std::move(header.tensors);
  metadata_ = std::move(header.metadata);
}

const StoredTensor& SafetensorsFile::tensor(std::string_view name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) fail(ExitCode::kData, "{}: holds no tensor {}", path_, shown_name(name));
  return found->second;
}

void SafetensorsFile::verify_checksums() const {
  const auto check = [&](std::string_view key, const auto& computed) {
    const auto stored = metadata_.find(std::string(key));
    if (stored == metadata_.end())
      fail(ExitCode::kData, "{}: has no '{}' to check it against: damaged, or written elsewhere", path_, key);
    if (computed(stored->second) != stored->second) {
      fail(ExitCode::kData, "{}: is damaged: its {} differs. HINT: use an earlier or another copy", path_,
           key);
    }
  };
  check(kHeaderHash, [&](const std::string& stored) { return header_hash(std::string(header_), stored); });
  check(kDataHash, [&](const std::string&) { return sha256_hex(data_); });
}

void write_safetensors(const std::string& path, const StoredTensors& tensors, Metadata metadata,
                       Checksums checksums) {
  const auto order = data_order(tensors);
  std::uint64_t bytes = 0;
  for (const auto* item : order) {
    LASER_CHECK(tensor_bytes(item->second.type, item->second.shape) == item->second.bytes.size());
    bytes += item->second.bytes.size();
  }
  LASER_CHECK(tensors.size() <= kMaxSafetensorsEntries && metadata.size() + 2 <= kMaxSafetensorsEntries);
  LASER_CHECK(!metadata.contains(std::string(kDataHash)) && !metadata.contains(std::string(kHeaderHash)));
  if (checksums == Checksums::kSha256) {
    metadata[std::string(kDataHash)] = data_hash(order);
    metadata[std::string(kHeaderHash)] = kNoHash;
  }
  auto header = format_header(order, metadata);
  LASER_CHECK(header.size() <= kMaxSafetensorsHeader);
  if (checksums == Checksums::kSha256) {
    const auto entry = hash_entry(kNoHash);
    header.replace(header.find(entry), entry.size(), hash_entry(sha256_hex(header)));
  }
  const std::array<std::uint64_t, 1> length{header.size()};
  AtomicFile file(path, kLengthBytes + header.size() + bytes);
  file.write(std::as_bytes(std::span(length)));
  file.write(std::as_bytes(std::span(header)));
  for (const auto* item : order) file.write(item->second.bytes);
  file.commit();
}

}  // namespace laser
