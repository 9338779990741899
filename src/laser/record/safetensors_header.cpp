#include "laser/record/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "laser/core/fail.hpp"

namespace laser {
namespace {

using Json = nlohmann::json;

struct TypeRow {
  std::string_view name;
  std::size_t bytes;
};

// In the order of ElementType.
constexpr std::array<TypeRow, 13> kTypes{{{"BOOL", 1},
                                          {"U8", 1},
                                          {"I8", 1},
                                          {"I16", 2},
                                          {"U16", 2},
                                          {"F16", 2},
                                          {"BF16", 2},
                                          {"I32", 4},
                                          {"U32", 4},
                                          {"F32", 4},
                                          {"F64", 8},
                                          {"I64", 8},
                                          {"U64", 8}}};

constexpr std::string_view kMetadataName = "__metadata__";

struct Entry {
  std::optional<ElementType> type;
  std::optional<std::vector<std::int64_t>> shape;
  std::optional<std::vector<std::uint64_t>> offsets;
};

// Takes the events of the JSON reader, which keeps no tree and does not recurse. What does not belong into a
// header is refused where it begins, so nesting never gets deeper than the format.
class HeaderReader {
 public:
  explicit HeaderReader(const std::string& path) : path_(path) {}

  [[noreturn]] void refuse(const std::string& reason) const {
    fail(ExitCode::kData, "{}: not a valid safetensors file: {}", path_, reason);
  }

  bool start_object(std::size_t /*elements*/) {
    if (place_ == Place::kStart) {
      place_ = Place::kTop;
    } else if (place_ == Place::kTop) {
      place_ = name_ == kMetadataName ? Place::kMetadata : Place::kTensor;
    } else {
      refuse_value("an object");
    }
    return true;
  }
  bool key(std::string& text) {
    if (place_ == Place::kTop) {
      start_entry(text);
    } else {
      field_ = text;
      if (place_ == Place::kMetadata) check_metadata_key();
      if (place_ == Place::kTensor) check_field();
    }
    return true;
  }
  bool end_object() {
    if (place_ == Place::kTensor) finish_tensor();
    place_ = Place::kTop;
    return true;
  }
  bool start_array(std::size_t /*elements*/) {
    if (place_ == Place::kTensor && field_ == "shape") {
      entry_.shape.emplace();
    } else if (place_ == Place::kTensor && field_ == "data_offsets") {
      entry_.offsets.emplace();
    } else {
      refuse_value("a list");
    }
    place_ = Place::kNumbers;
    return true;
  }
  bool end_array() {
    place_ = Place::kTensor;
    return true;
  }
  bool string(std::string& text) {
    if (place_ == Place::kMetadata) {
      metadata_[field_] = std::move(text);
    } else if (place_ == Place::kTensor && field_ == "dtype") {
      const auto row = std::find_if(kTypes.begin(), kTypes.end(), [&](auto& r) { return r.name == text; });
      if (row == kTypes.end()) refuse(fmt::format("{} has the unknown dtype {}", shown(), shown_name(text)));
      entry_.type = static_cast<ElementType>(row - kTypes.begin());
    } else {
      refuse_value("a text");
    }
    return true;
  }
  bool number_unsigned(std::uint64_t number) {
    if (place_ != Place::kNumbers) refuse_value("a number");
    if (number > std::numeric_limits<std::int64_t>::max()) refuse_value("a number above 2^63 - 1");
    if (field_ == "shape") {
      if (entry_.shape->size() == kMaxSafetensorsRank)
        refuse(fmt::format("{} has more than {} dimensions", shown(), kMaxSafetensorsRank));
      entry_.shape->push_back(static_cast<std::int64_t>(number));
    } else {
      if (entry_.offsets->size() == 2) refuse(fmt::format("'data_offsets' of {} are not two", shown()));
      entry_.offsets->push_back(number);
    }
    return true;
  }
  bool number_integer(std::int64_t) { refuse_value("a negative number"); }
  bool number_float(double, const std::string&) { refuse_value("a number that is not whole or above 2^64"); }
  bool boolean(bool) { refuse_value("true or false"); }
  bool null() { refuse_value("null"); }
  bool binary(Json::binary_t&) { refuse_value("binary"); }
  bool parse_error(std::size_t position, const std::string& /*token*/, const Json::exception& error) {
    const bool text = std::string_view(error.what()).find("UTF-8") != std::string_view::npos;
    refuse(fmt::format("its header is not {} at byte {}", text ? "UTF-8" : "JSON", position));
  }

  std::map<std::string, Entry, std::less<>>& entries() { return entries_; }
  Metadata& metadata() { return metadata_; }

 private:
  enum class Place { kStart, kTop, kMetadata, kTensor, kNumbers };

  [[nodiscard]] std::string shown() const { return shown_name(name_); }

  [[noreturn]] void refuse_value(std::string_view what) const {
    switch (place_) {
      case Place::kStart:
        refuse(fmt::format("its header is {}, not an object", what));
      case Place::kTop:
        refuse(fmt::format("{} is {}, not an object", shown(), what));
      case Place::kMetadata:
        refuse(fmt::format("the metadata {} are {}, not a text", shown_name(field_), what));
      default:
        refuse(fmt::format("'{}' of {} is or holds {}", field_, shown(), what));
    }
  }
  void start_entry(const std::string& text) {
    name_ = text;
    if (text == kMetadataName) {
      if (std::exchange(has_metadata_, true)) refuse("'__metadata__' comes twice");
      return;
    }
    if (entries_.contains(text)) refuse(fmt::format("{} comes twice", shown()));
    if (entries_.size() == kMaxSafetensorsEntries)
      refuse(fmt::format("it has more than {} tensors", kMaxSafetensorsEntries));
    entry_ = {};
  }
  void check_metadata_key() {
    if (metadata_.contains(field_)) refuse(fmt::format("the metadata {} come twice", shown_name(field_)));
    if (metadata_.size() == kMaxSafetensorsEntries)
      refuse(fmt::format("it has more than {} metadata", kMaxSafetensorsEntries));
  }
  void check_field() {
    const bool twice = (field_ == "dtype" && entry_.type) || (field_ == "shape" && entry_.shape) ||
                       (field_ == "data_offsets" && entry_.offsets);
    if (twice) refuse(fmt::format("'{}' of {} comes twice", field_, shown()));
    if (field_ != "dtype" && field_ != "shape" && field_ != "data_offsets")
      refuse(fmt::format("{} has the unknown field {}", shown(), shown_name(field_)));
  }
  void finish_tensor() {
    if (!entry_.type) refuse(fmt::format("{} has no 'dtype'", shown()));
    if (!entry_.shape) refuse(fmt::format("{} has no 'shape'", shown()));
    if (!entry_.offsets || entry_.offsets->size() != 2)
      refuse(fmt::format("{} has no two 'data_offsets'", shown()));
    entries_.emplace(name_, std::move(entry_));
  }

  const std::string& path_;
  Place place_ = Place::kStart;
  std::string name_;   // of the entry that is being read
  std::string field_;  // of its field
  Entry entry_;
  bool has_metadata_ = false;
  std::map<std::string, Entry, std::less<>> entries_;
  Metadata metadata_;
};

// Sorted by their place the tensors must follow one another from the first byte of the data to the last.
void check_places(HeaderReader& reader, std::span<const std::byte> data) {
  std::vector<const std::pair<const std::string, Entry>*> order;
  for (const auto& entry : reader.entries()) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](auto* a, auto* b) { return *a->second.offsets < *b->second.offsets; });
  std::uint64_t end = 0;
  for (const auto* item : order) {
    const auto& name = item->first;
    const auto& entry = item->second;
    const auto first = (*entry.offsets)[0], last = (*entry.offsets)[1];
    const auto refuse = [&](const std::string& reason) {
      reader.refuse(fmt::format("{} {}", shown_name(name), reason));
    };
    if (last < first) refuse(fmt::format("ends at byte {} before it begins at {}", last, first));
    if (last > data.size())
      refuse(fmt::format("ends at byte {} of the data, which are {} bytes: cut short?", last, data.size()));
    if (first < end) refuse(fmt::format("begins at byte {} inside another tensor", first));
    if (first > end) refuse(fmt::format("begins at byte {} after a hole from byte {}", first, end));
    const auto bytes = tensor_bytes(*entry.type, *entry.shape);
    if (!bytes) refuse("has a shape of more bytes than can be counted");
    if (*bytes != last - first)
      refuse(fmt::format("has {} bytes where its shape needs {}", last - first, *bytes));
    end = last;
  }
  if (end != data.size()) reader.refuse(fmt::format("{} bytes follow the last tensor", data.size() - end));
}

}  // namespace

std::string_view element_name(ElementType type) { return kTypes.at(static_cast<std::size_t>(type)).name; }

std::size_t element_bytes(ElementType type) { return kTypes.at(static_cast<std::size_t>(type)).bytes; }

std::string shown_name(std::string_view name) {
  std::string text = "'";
  for (const char c : name.substr(0, 60)) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte < 0x20 || byte > 0x7e ? fmt::format("\\x{:02x}", byte) : std::string{c};
  }
  return text + (name.size() > 60 ? "...'" : "'");
}

std::optional<std::uint64_t> tensor_bytes(ElementType type, std::span<const std::int64_t> shape) {
  // Zeros are left out of the overflow check: strides of [2^62, 4, 0] would not fit although its size does.
  std::int64_t product = static_cast<std::int64_t>(element_bytes(type));
  bool empty = false;
  for (const auto size : shape) {
    if (size < 0) return std::nullopt;
    empty = empty || size == 0;
    if (size > 0 && __builtin_mul_overflow(product, size, &product)) return std::nullopt;
  }
  return empty ? 0 : static_cast<std::uint64_t>(product);
}

SafetensorsHeader parse_header(std::string_view text, std::span<const std::byte> data,
                               const std::string& path) {
  HeaderReader reader(path);
  if (text.empty() || text.front() != '{') reader.refuse("its header does not begin with '{'");
  // The JSON library takes a zero byte for the end and would not see what follows.
  if (const auto zero = text.find('\0'); zero != std::string_view::npos)
    reader.refuse(fmt::format("its header has a zero byte at byte {}", zero));
  Json::sax_parse(text, &reader);
  check_places(reader, data);
  SafetensorsHeader header{{}, std::move(reader.metadata())};
  for (auto& [name, entry] : reader.entries()) {
    const auto first = static_cast<std::size_t>((*entry.offsets)[0]);
    const auto bytes = static_cast<std::size_t>((*entry.offsets)[1]) - first;
    header.tensors.emplace_hint(
        header.tensors.end(), name,
        StoredTensor{*entry.type, std::move(*entry.shape), data.subspan(first, bytes)});
  }
  return header;
}

PlacedTensors data_order(const StoredTensors& tensors) {
  PlacedTensors order;
  for (const auto& tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(),
                   [](auto* a, auto* b) { return a->second.type > b->second.type; });
  return order;
}

std::string format_header(const PlacedTensors& tensors, const Metadata& metadata) {
  std::string text;
  const auto add = [&](std::string_view key, const std::string& value) {
    text += text.empty() ? '{' : ',';
    text += Json(key).dump();
    text += ':';
    text += value;
  };
  if (!metadata.empty()) add(kMetadataName, Json(metadata).dump());
  std::uint64_t offset = 0;
  for (const auto* item : tensors) {
    const auto& [name, tensor] = *item;
    LASER_CHECK(name != kMetadataName && tensor.shape.size() <= kMaxSafetensorsRank);
    const auto end = offset + tensor.bytes.size();
    add(name, fmt::format(R"({{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", element_name(tensor.type),
                          Json(tensor.shape).dump(), offset, end));
    offset = end;
  }
  text += text.empty() ? "{}" : "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

}  // namespace laser
