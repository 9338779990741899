// Named tensors in one file, in the safetensors format: checkpoints, and weights from outside.
//
//   u64 little endian: length of the header | header: JSON, padded with spaces to 8 bytes | data
//   header: {"__metadata__": {text: text}, name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
//
// A file from outside is hostile until it has been checked: every claim of the header is held against
// the size of the file before it is used. Only bytes and shapes: what they mean (Torch, names of
// layers) is the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "laser/core/mapped_file.hpp"

namespace laser {

/// What a file may claim at most; real ones stay far below. With these a header costs at most tens of
/// megabytes of memory, whatever it holds.
inline constexpr std::uint64_t kMaxSafetensorsHeader = 8u << 20;  // bytes
inline constexpr std::size_t kMaxSafetensorsEntries = 65536;      // tensors, and as many metadata
inline constexpr std::size_t kMaxSafetensorsRank = 32;            // dimensions of a tensor

/// Names are those of the format without the k. The order is that of the reference implementation, which puts
/// tensors of later types first and so keeps every tensor aligned.
enum class ElementType { kBool, kU8, kI8, kI16, kU16, kF16, kBF16, kI32, kU32, kF32, kF64, kI64, kU64 };

/// The name in the file, as "F32".
std::string_view element_name(ElementType type);

/// Bytes of one element.
std::size_t element_bytes(ElementType type);

/// A tensor in row-major order, viewed and not owned. The bytes of a file that this program did not write may
/// lie at any address: copy them before use as numbers.
struct StoredTensor {
  ElementType type = ElementType::kF32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

using StoredTensors = std::map<std::string, StoredTensor, std::less<>>;
using Metadata = std::map<std::string, std::string>;

/// An open file; the tensors view it and live as long as it does.
class SafetensorsFile {
 public:
  /// Maps the file and checks its header. Throws Error (data) naming the path and what is wrong.
  explicit SafetensorsFile(std::string path);

  [[nodiscard]] const StoredTensors& tensors() const { return tensors_; }
  [[nodiscard]] const Metadata& metadata() const { return metadata_; }
  /// The tensor of that name. Throws Error (data) naming the path if there is none.
  [[nodiscard]] const StoredTensor& tensor(std::string_view name) const;
  /// Holds header and data against the SHA-256 that Checksums::kSha256 stored. Throws Error (data) if a bit
  /// differs or there is none to check.
  void verify_checksums() const;

 private:
  std::string path_;
  MappedFile file_;
  std::string_view header_;  // the JSON text, in file_
  std::span<const std::byte> data_;
  StoredTensors tensors_;
  Metadata metadata_;
};

/// kSha256 adds the metadata "sha256" (of all bytes after the header) and "header_sha256" (of the header,
/// where its own 64 digits count as zeros): together they cover every bit of the file.
enum class Checksums { kNone, kSha256 };

/// Writes the file whole or not at all, straight from the tensors; the same content gives the same bytes.
/// Throws Error (I/O) with path, bytes and reason; a file that was there before is then untouched.
void write_safetensors(const std::string& path, const StoredTensors& tensors, Metadata metadata,
                       Checksums checksums);

}  // namespace laser
