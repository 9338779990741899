// Records as JSON text and back: the only place in this folder that knows the JSON library.
//
// Doubles are written so that reading gives the same bits; a number that is not finite becomes null (JSON has
// none) and is read back as NaN. Keys that this version doesn't know are ignored, a missing key is an error.
// Not a general JSON interface.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "laser/record/schema.hpp"

namespace laser {

/// Deepest nesting of arrays and objects that is parsed; records need two.
inline constexpr int kMaxJsonDepth = 32;
/// Longest record that is parsed, in bytes: what a hostile one can unfold to stays below 64 MB.
inline constexpr std::size_t kMaxJsonBytes = std::size_t{1} << 20;
/// Most texts that an object of texts may hold.
inline constexpr std::size_t kMaxJsonTexts = 100'000;

/// One line of metrics.jsonl, without the newline.
std::string to_json_line(const EpochRecord& record);

/// The text of summary.json.
std::string to_json(const RunSummary& summary);

/// The text of versions.json.
std::string to_json(const std::map<std::string, std::string>& texts);

/// Where a text came from, for the message of an error.
struct JsonSource {
  std::string file;
  long first_line = 1;
};

/// Reads one line of metrics.jsonl. Throws Error (data) with file and line when it is damaged.
EpochRecord parse_epoch(std::string_view text, const JsonSource& source);

/// Reads summary.json. Throws Error (data) with file and line when it is damaged.
RunSummary parse_summary(std::string_view text, const JsonSource& source);

/// Reads versions.json, an object of texts. Throws Error (data) with file and line when it is damaged.
std::map<std::string, std::string> parse_texts(std::string_view text, const JsonSource& source);

}  // namespace laser
