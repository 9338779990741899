#include "laser/record/json.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "laser/core/fail.hpp"

namespace laser {
namespace {

// Writing: in the order of the fields. It starts as object() or array(), never as null: a null that becomes
// an object by its first [] is left half made, and read by its destructor, when memory runs out in between
// (3.11.2).
using Json = nlohmann::ordered_json;
using Parsed = nlohmann::json;  // reading: found in logarithmic time, however many keys a file has

constexpr int kSchema = 1;

// Bytes that are not UTF-8 (a folder name, say) are replaced instead of losing the record.
std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

long line_of(std::string_view text, std::size_t offset, const JsonSource& source) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  return source.first_line + static_cast<long>(std::count(before.begin(), before.end(), '\n'));
}

// Before parsing: a hostile file of a million brackets must not reach code that recurses over it.
void check_depth(std::string_view text, const JsonSource& source) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == ']' || c == '}') --depth;
    if ((c == '[' || c == '{') && ++depth > kMaxJsonDepth) {
      fail(ExitCode::kData, "{}:{}: JSON is nested deeper than {} levels", source.file,
           line_of(text, i, source), kMaxJsonDepth);
    }
  }
}

Parsed parse_object(std::string_view text, const JsonSource& source, std::size_t most_bytes = kMaxJsonBytes,
                    const Parsed::parser_callback_t& callback = nullptr) {
  if (text.size() > most_bytes) {
    fail(ExitCode::kData, "{}:{}: {} bytes of JSON; a record has at most {}", source.file, source.first_line,
         text.size(), most_bytes);
  }
  check_depth(text, source);
  try {
    auto json = Parsed::parse(text, callback);
    if (!json.is_object()) fail(ExitCode::kData, "{}:{}: not a JSON object", source.file, source.first_line);
    return json;
  } catch (const Parsed::parse_error& error) {
    // The library counts the byte after the one it could not read.
    const std::size_t offset = error.byte > 0 ? error.byte - 1 : 0;
    const bool cut = offset >= text.size();
    fail(ExitCode::kData, "{}:{}: {}. HINT: the file is damaged; run this configuration again", source.file,
         line_of(text, offset, source), cut ? "JSON ends too early" : "not valid JSON");
  } catch (const Parsed::out_of_range&) {
    fail(ExitCode::kData, "{}:{}: a number is out of range", source.file, source.first_line);
  }
}

// Reads typed fields of one object; every failure names file, line (of the key) and key.
class FieldReader {
 public:
  FieldReader(const Parsed& json, std::string_view text, const JsonSource& source)
      : json_(json), text_(text), source_(source) {}

  void read(const char* key, std::string& value) const { value = checked(key, &Parsed::is_string, "a text"); }
  void read(const char* key, std::int64_t& value) const {
    const Parsed& field = checked(key, &Parsed::is_number_integer, "an integer");
    const std::int64_t number = field.get<std::int64_t>();
    if (number < 0) wrong(key, "an integer that is not negative");
    value = number;
  }
  void read(const char* key, std::uint64_t& value) const {
    value = checked(key, &Parsed::is_number_unsigned, "an integer that is not negative");
  }
  void read(const char* key, double& value) const { value = number(key, find(key)); }
  void read(const char* key, std::optional<double>& value) const {
    if (json_.contains(key)) value = number(key, json_[key]);
  }
  void read(const char* key, std::vector<double>& value) const {
    for (const Parsed& element : checked(key, &Parsed::is_array, "an array"))
      value.push_back(number(key, element));
  }
  // May be missing: most runs have none.
  void read(const char* key, std::map<std::string, double>& value) const {
    if (!json_.contains(key)) return;
    for (const auto& [name, element] : checked(key, &Parsed::is_object, "an object").items())
      value[name] = number(key, element);
  }
  void read(const char* key, std::map<std::string, std::string>& value) const {
    for (const auto& [name, element] : checked(key, &Parsed::is_object, "an object").items()) {
      if (!element.is_string()) wrong(key, "an object of texts");
      value[name] = element.get<std::string>();
    }
  }

 private:
  [[noreturn]] void wrong(const char* key, const char* expected) const {
    const std::size_t offset = text_.find('"' + std::string(key) + '"');
    fail(ExitCode::kData, "{}:{}: '{}' is not {}", source_.file, line_of(text_, offset, source_), key,
         expected);
  }
  const Parsed& find(const char* key) const {
    const auto field = json_.find(key);
    if (field == json_.end()) fail(ExitCode::kData, "{}:{}: no '{}'", source_.file, source_.first_line, key);
    return *field;
  }
  const Parsed& checked(const char* key, bool (Parsed::*is_type)() const noexcept,
                        const char* expected) const {
    const Parsed& field = find(key);
    if (!(field.*is_type)()) wrong(key, expected);
    return field;
  }
  double number(const char* key, const Parsed& field) const {
    if (field.is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (!field.is_number()) wrong(key, "a number");
    return field.get<double>();
  }

  const Parsed& json_;
  std::string_view text_;
  const JsonSource& source_;
};

// One list of fields for both directions, so that what is written is what is read.
template <class Record, class Visit>
void visit_epoch(Record& record, Visit&& visit) {
  visit("epoch", record.epoch);
  visit("round", record.round);
  visit("learning_rate", record.learning_rate);
  visit("train_loss", record.train_loss);
  visit("test_loss", record.test_loss);
  visit("test_accuracy", record.test_accuracy);
  visit("ema_accuracy", record.ema_accuracy);
  visit("perplexity", record.perplexity);
  visit("power", record.power);
  visit("budget_use", record.budget_use);
  visit("energy", record.energy);
  visit("symbols", record.symbols);
  visit("memory_ratio", record.memory_ratio);
  visit("lambda", record.lambda);
  visit("delta", record.delta);
  visit("noise_energy", record.noise_energy);
  visit("sent_ratio", record.sent_ratio);
  visit("waiting_rounds", record.waiting_rounds);
  visit("spectrum", record.spectrum);
}

template <class Summary, class Visit>
void visit_summary(Summary& summary, Visit&& visit) {
  visit("status", summary.status);
  visit("reason", summary.reason);
  visit("method", summary.method);
  visit("task", summary.task);
  visit("power", summary.power);
  visit("seed", summary.seed);
  visit("epochs", summary.epochs);
  visit("rounds", summary.rounds);
  visit("final_accuracy", summary.final_accuracy);
  visit("best_ema_accuracy", summary.best_ema_accuracy);
  visit("perplexity", summary.perplexity);
  visit("split_perplexity", summary.split_perplexity);
  visit("final_loss", summary.final_loss);
  visit("budget_use", summary.budget_use);
  visit("symbols_per_round", summary.symbols_per_round);
  visit("dense_symbols", summary.dense_symbols);
  visit("memory_lag", summary.memory_lag);
  visit("seconds", summary.seconds);
  visit("weights_hash", summary.weights_hash);
  visit("configuration", summary.configuration);
}

struct FieldWriter {
  Json& json;
  template <class Value>
  void operator()(const char* key, const Value& value) const {
    json[key] = value;
  }
  void operator()(const char* key, const std::optional<double>& value) const {
    if (value) json[key] = *value;
  }
  void operator()(const char* key, const std::map<std::string, double>& value) const {
    if (!value.empty()) json[key] = value;
  }
  // Without this an empty map would be written as null.
  void operator()(const char* key, const std::map<std::string, std::string>& value) const {
    json[key] = Json::object();
    for (const auto& [name, text] : value) json[key][name] = text;
  }
};

}  // namespace

std::string to_json_line(const EpochRecord& record) {
  Json json = Json::object();
  visit_epoch(record, FieldWriter{json});
  return dump(json, -1);
}

std::string to_json(const RunSummary& summary) {
  Json json = Json::object();
  json["schema"] = kSchema;
  visit_summary(summary, FieldWriter{json});
  return dump(json, 2) + "\n";
}

std::string to_json(const std::map<std::string, std::string>& texts) {
  Json json = Json::object();
  for (const auto& [name, text] : texts) json[name] = text;
  return dump(json, 2) + "\n";
}

EpochRecord parse_epoch(std::string_view text, const JsonSource& source) {
  const auto json = parse_object(text, source);
  const FieldReader reader(json, text, source);
  EpochRecord record;
  visit_epoch(record, [&](const char* key, auto& value) { reader.read(key, value); });
  return record;
}

RunSummary parse_summary(std::string_view text, const JsonSource& source) {
  const auto json = parse_object(text, source);
  const FieldReader reader(json, text, source);
  std::int64_t schema = 0;
  reader.read("schema", schema);
  if (schema != kSchema) {
    fail(ExitCode::kData, "{}: schema {} is not {}. HINT: read it with the version of laser that wrote it",
         source.file, schema, kSchema);
  }
  RunSummary summary;
  visit_summary(summary, [&](const char* key, auto& value) { reader.read(key, value); });
  return summary;
}

std::map<std::string, std::string> parse_texts(std::string_view text, const JsonSource& source) {
  std::map<std::string, std::string> texts;
  std::string name;
  const auto refuse = [&](std::string_view what) {
    fail(ExitCode::kData, "{}:{}: '{}' {}", source.file, source.first_line, name, what);
  };
  // Every text is taken as it is read and no tree is kept: a sweep may have many runs.
  const auto take = [&](int depth, Parsed::parse_event_t event, Parsed& value) {
    using Event = Parsed::parse_event_t;
    if (event == Event::key) name = value.get<std::string>();
    if (depth == 0 || event == Event::key) return depth == 0;
    if (event == Event::object_end || event == Event::array_end) return true;
    if (event != Event::value || !value.is_string()) refuse("is not a text");
    if (texts.size() == kMaxJsonTexts) refuse(fmt::format("follows {} others, too many", kMaxJsonTexts));
    if (!texts.emplace(name, std::move(value.get_ref<std::string&>())).second) refuse("comes twice");
    return false;
  };
  (void)parse_object(text, source, kMaxRecordBytes, take);
  return texts;
}

}  // namespace laser
