// The header of a safetensors file: JSON text to checked tensors and back. Only safetensors.cpp uses it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "laser/record/safetensors.hpp"

namespace laser {

/// What a header says, with every tensor placed inside the data.
struct SafetensorsHeader {
  StoredTensors tensors;
  Metadata metadata;
};

/// Reads and checks a header: known types, no key twice, shapes that match their bytes, and tensors that
/// cover the data exactly, without holes or overlap. Throws Error (data) naming `path` and the reason.
SafetensorsHeader parse_header(std::string_view text, std::span<const std::byte> data,
                               const std::string& path);

/// A tensor with its name, in the order of the data.
using PlacedTensors = std::vector<const StoredTensors::value_type*>;

/// The order in which the data are written: by type, latest first, then by name.
PlacedTensors data_order(const StoredTensors& tensors);

/// The header of tensors that lie one after the other in this order, padded with spaces to 8 bytes.
std::string format_header(const PlacedTensors& tensors, const Metadata& metadata);

/// Bytes of a tensor of this shape, or nothing where a dimension is negative or the number does not fit.
std::optional<std::uint64_t> tensor_bytes(ElementType type, std::span<const std::int64_t> shape);

/// A name from a file as it can be shown: quoted, cut after 60 bytes, with \xNN for what is not plain ASCII.
std::string shown_name(std::string_view name);

}  // namespace laser
