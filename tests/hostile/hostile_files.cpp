// Files made to hurt: what they claim is far from what they hold.
#include <fmt/format.h>

#include <cstdint>

#include "../data/archives.hpp"
#include "../data/byte_pair_files.hpp"
#include "../record/temporary_folder.hpp"
#include "laser/record/json.hpp"
#include "targets.hpp"

namespace laser::hostile {
namespace {

constexpr int kDepth = 10'000;

const std::string& seed_of(const std::string& target) {
  for (const auto& each : targets()) {
    if (each.name == target) return each.seeds.front();
  }
  fail(ExitCode::kBug, "no target {}", target);
}

std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i, value >>= 8) text += static_cast<char>(value);
  return text;
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  all.reserve(text.size() * times);
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

std::string replaced(std::string text, const std::string& part, const std::string& by) {
  const auto at = text.find(part);
  LASER_CHECK(at != std::string::npos);
  return text.replace(at, part.size(), by);
}

/// A safetensors file with this header and `data` bytes after it.
std::string tensors(const std::string& header, std::size_t data = 24) {
  return little_endian(header.size(), 8) + header + std::string(data, '\0');
}

std::string one_tensor(const std::string& shape, const std::string& offsets,
                       const std::string& type = "\"F32\"") {
  return fmt::format(R"({{"a":{{"dtype":{},"shape":{},"data_offsets":{}}}}})", type, shape, offsets);
}

class Collection {
 public:
  void add(const std::string& target, const std::string& what, std::string bytes) {
    files.push_back({target, what, std::move(bytes)});
  }
  std::vector<HostileFile> files;
};

const std::vector<std::string> kSizes{
    "2147483647",           "4294967296", "9223372036854775807",  "18446744073709551615",
    "18446744073709551616", "-1",         "-9223372036854775808", "1e30"};

void add_safetensors(Collection& all) {
  for (const std::uint64_t length : {(1ull << 31) - 1, 1ull << 32, (1ull << 63) - 1, ~0ull, ~0ull - 7})
    all.add("safetensors", fmt::format("a header of {} bytes", length),
            little_endian(length, 8) + one_tensor("[2,3]", "[0,24]"));
  for (const auto& size : kSizes) {
    all.add("safetensors", "a dimension of " + size, tensors(one_tensor("[" + size + ",3]", "[0,24]")));
    all.add("safetensors", "dimensions whose product wraps, " + size,
            tensors(one_tensor(fmt::format("[{0},{0},{0},{0}]", size), "[0,24]")));
    all.add("safetensors", "an end at " + size, tensors(one_tensor("[2,3]", "[0," + size + "]")));
    all.add("safetensors", "a start at " + size, tensors(one_tensor("[2,3]", "[" + size + ",24]")));
    all.add("safetensors", "an end before the start, " + size,
            tensors(one_tensor("[0]", "[" + size + ",0]"), 0));
  }
  const auto two = [](const std::string& first, const std::string& second, const std::string& name = "b") {
    return fmt::format(
        R"({{"a":{{"dtype":"F32","shape":[2],"data_offsets":{}}},"{}":{{"dtype":"F32","shape":[2],"data_offsets":{}}}}})",
        first, name, second);
  };
  all.add("safetensors", "tensors that overlap", tensors(two("[0,8]", "[4,12]"), 12));
  all.add("safetensors", "one tensor twice in the data", tensors(two("[0,8]", "[0,8]"), 8));
  all.add("safetensors", "a hole", tensors(two("[0,8]", "[12,20]"), 20));
  all.add("safetensors", "a name twice", tensors(two("[0,8]", "[8,16]", "a"), 16));
  all.add("safetensors", "bytes after the last tensor", tensors(one_tensor("[2,3]", "[0,24]"), 25));
  for (const std::string type : {"\"F31\"", "\"\"", "null", "4", "[\"F32\"]", "\"f32\"", "\"F32\\u0000\""})
    all.add("safetensors", "the type " + type, tensors(one_tensor("[2,3]", "[0,24]", type)));
  all.add("safetensors", "a type of another size", tensors(one_tensor("[2,3]", "[0,24]", "\"F64\"")));
  all.add("safetensors", "shapes nested deeply",
          tensors(one_tensor(repeated("[", kDepth) + repeated("]", kDepth), "[0,24]")));
  all.add("safetensors", "an object nested deeply", tensors(repeated("{\"a\":", kDepth)));
  all.add("safetensors", "more dimensions than memory",
          tensors(one_tensor("[" + repeated("1,", 1'000'000) + "6]", "[0,24]")));
  all.add("safetensors", "a name of 8 MB", tensors("{\"" + std::string(8 << 20, 'x') + "\":1}"));
  all.add("safetensors", "a text of 7 MB that does not end", tensors("{\"" + std::string(7 << 20, '\\')));
  std::string many = "{";
  for (int i = 0; i < 70'000; ++i)
    many += fmt::format("\"{:x}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}},", i);
  many.back() = '}';
  all.add("safetensors", "70,000 tensors", tensors(many, 0));
  all.add("checkpoint", "no checksum", seed_of("safetensors"));
}

void add_json(Collection& all) {
  const auto grid = std::string("sweep_grid");
  for (const auto& target : {grid, std::string("summary"), std::string("metrics")}) {
    all.add(target, "lists nested deeply", repeated("[", kDepth) + repeated("]", kDepth) + "\n");
    all.add(target, "objects nested deeply",
            repeated("{\"a\":", kDepth) + "1" + repeated("}", kDepth) + "\n");
    all.add(target, "a million brackets", repeated("[", 1'000'000) + "\n");
    all.add(target, "3 MB of lists", "{\"a\":[" + repeated("[],", 1'000'000) + "[]]}\n");
    all.add(target, "3 MB of numbers", "{\"a\":[" + repeated("1,", 1'500'000) + "1]}\n");
    all.add(target, "1 MB of objects", "{\"a\":[" + repeated("{},", 340'000) + "{}]}\n");
    std::string keys = "{";
    for (int i = 0; i < 200'000; ++i) keys += fmt::format("\"{:x}\":0,", i);
    keys.back() = '}';
    all.add(target, "200,000 keys", keys + "\n");
    all.add(target, "a text of 2 MB without an end", "{\"a\":\"" + std::string(2'000'000, 'x') + "\n");
  }
  std::string texts = "{";
  for (int i = 0; i < 110'000; ++i) texts += fmt::format("\"{:x}\":\"\",", i);
  texts.back() = '}';
  all.add(grid, "110,000 runs", texts);
  all.add(grid, "a run twice", R"({"a":"1","a":"2"})");
  all.add(grid, "a run whose hash is a number", R"({"a":1})");
  for (const std::string size : {"18446744073709551615", "9223372036854775808", "-1", "1e999", "1.5"}) {
    all.add("metrics", "an epoch of " + size,
            replaced(seed_of("metrics"), "\"epoch\":1", "\"epoch\":" + size));
    all.add("summary", "epochs of " + size,
            replaced(seed_of("summary"), "\"epochs\": 2", "\"epochs\": " + size));
  }
  all.add("known_answers", "300 tabs before an error", "{\"cases\": " + std::string(300, '\t') + "x");
  all.add("known_answers", "lists nested deeply",
          "{\"cases\":[" + repeated("[", kDepth) + repeated("]", kDepth) + "]}");
  all.add("known_answers", "a million brackets", repeated("[", 1'000'000));
  all.add("known_answers", "9 MB", "{\"cases\":[" + repeated("1,", 4'500'000) + "1]}");
}

void add_vocabularies(Collection& all) {
  const auto encoder = SmallVocabulary().encoder_text();
  for (const auto& size : kSizes)
    all.add("encoder_json", "a token's number of " + size, replaced(encoder, "\": 5,", "\": " + size + ","));
  all.add("encoder_json", "a token twice", replaced(encoder, "\": 5,", "\": 5, \"a\": 6,"));
  all.add("encoder_json", "objects nested deeply", repeated("{\"a\":", kDepth));
  all.add("encoder_json", "lists nested deeply", repeated("[", kDepth));
  all.add("encoder_json", "a token of 8 MB", "{\"" + std::string((8 << 20) - 5, 'a') + "\":1");
  std::string many = "{";
  for (int i = 0; i < 70'000; ++i) many += fmt::format("\"{:x}\":{},", i, i);
  many.back() = '}';
  all.add("encoder_json", "70,000 tokens", many);
  const auto merges = SmallVocabulary().merges_text();
  all.add("vocab_bpe", "a merge twice", merges + "a b\n");
  all.add("vocab_bpe", "a token that is not there", merges + "a zz\n");
  all.add("vocab_bpe", "a line of 8 MB", merges + std::string((8 << 20) - 200, 'a') + " b\n");
  all.add("vocab_bpe", "4 million empty lines", repeated("\n", 4'000'000));
}

void add_images_and_tokens(Collection& all) {
  const auto images = seed_of("idx_images"), labels = seed_of("idx_labels");
  for (const std::string size : {"\x7F\xFF\xFF\xFF", "\xFF\xFF\xFF\xFF", "\x80"}) {
    auto bytes = size;
    bytes.resize(4, '\0');
    for (const std::size_t place : {0, 4, 8, 12}) {
      auto changed = images;
      all.add("idx_images", fmt::format("the number {} is huge", place / 4),
              changed.replace(place, 4, bytes));
    }
    auto changed = labels;
    all.add("idx_labels", "a huge number of labels", changed.replace(4, 4, bytes));
  }
  all.add("idx_labels", "a label of 255", labels.substr(0, labels.size() - 1) + "\xFF");
  all.add("idx_images", "30 MB too many", images + std::string(std::size_t{30} << 20, '\0'));
  all.add("pickled_images", "a list that holds itself", "\x80\x02]q\1h\1a.");
  all.add("pickled_images", "more than is there", std::string("\x80\x02T\xff\xff\xff\x7f", 7));
  all.add("cifar", "half a record", std::string(1500, '\1'));
  all.add("cifar", "a class of 10", std::string(1, '\xA') + std::string(3072, '\1'));
  const auto tokens = seed_of("token_file");
  for (const std::uint64_t count : {(1ull << 31) - 1, 1ull << 32, (1ull << 63) - 1, 1ull << 63, ~0ull}) {
    auto changed = tokens;
    all.add("token_file", fmt::format("{} tokens", count), changed.replace(16, 8, little_endian(count, 8)));
  }
  for (const std::size_t place : {0, 8, 12, 24, 40}) {
    auto changed = tokens;
    changed[place] = static_cast<char>(changed[place] ^ 0x40);
    if (place != 24) all.add("token_file", fmt::format("another byte {}", place), changed);
  }
  auto changed = tokens;
  all.add("token_file", "a token that is not there", changed.replace(96, 2, "\xFF\xFF"));
}

void add_archives(Collection& all) {
  const auto tar = seed_of("tar_gz");
  const std::string binary = '\x80' + std::string(3, '\0') + std::string(8, '\xFF');
  for (const std::string& size : {std::string("77777777777 "), std::string("-0000000001 "), binary}) {
    auto changed = tar;
    changed.replace(124, 12, size);
    unsigned sum = 0;  // a right checksum, so that the size is what is wrong
    for (std::size_t i = 0; i < 512; ++i)
      sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(changed[i]);
    changed.replace(148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    all.add("tar_gz", "a size of " + size.substr(0, 11), changed);
  }
  all.add("tar_gz", "30 MB of another file", tar_of({{"other", std::string(30'000'000, '\0')}}));
  all.add("tar_gz", "a member twice",
          tar_of({{"folder/a.bin", "1"}, {"folder/a.bin", "2"}, {"folder/b.bin", "3"}}));
  const auto zip = [](const ZipFile& changed) { return zip_of({changed, {"folder/b.bin", "b"}}); };
  for (const std::uint32_t error : {0x7fffffffu, 0xffffffffu, 0x80000000u}) {
    all.add("zip", fmt::format("a size off by {}", error), zip({"folder/a.bin", "abc", 8, 0, 0, error, 0}));
    all.add("zip", fmt::format("a place off by {}", error), zip({"folder/a.bin", "abc", 8, 0, 0, 0, error}));
  }
  all.add("zip", "a bomb", zip({"folder/a.bin", std::string(50'000'000, '\0')}));
  all.add("zip", "a member twice",
          zip_of({{"folder/a.bin", "1"}, {"folder/a.bin", "2"}, {"folder/b.bin", "3"}}));
}

void add_toml(Collection& all) {
  all.add("toml", "lists nested deeply", "a = " + repeated("[", kDepth) + repeated("]", kDepth));
  all.add("toml", "tables nested deeply", "a = " + repeated("{a=", kDepth) + "1" + repeated("}", kDepth));
  for (const std::string key : {"a", "'a,'", "\"a\""}) {
    all.add("toml", "a key with 100,000 dots of " + key, repeated(key + ".", 100'000) + "a = 1");
    all.add("toml", "a table with 100,000 dots of " + key, "[" + repeated(key + ".", 100'000) + "a]");
  }
  // Letters of the blocks that the parser's tables end in, bare and after strings that are made to look open.
  for (const std::string letter : {"\xEF\xBB\xB7", "\xEF\xBB\xBE", "\xE0\xBF\xBF", "\xF0\x90\x80\x80"}) {
    for (const std::string before :
         {"", "owa", "rank = 'a\"' ", "a = \"\\\"\" ", "x = {a = \"\"\"b\"\"\"\", ", "x = 0\"",
          "x = \"\"\"\", ", "x = [1, 2.\"a", "x = 1=\""}) {
      all.add("toml", before + "a bare " + letter, before + letter + " = 1\n");
    }
  }
  all.add("toml", "many dotted keys in one another",
          "a = " + repeated("[{" + repeated("a.", 60) + "a =\n", 127) + "1" + repeated("}]", 127));
  all.add("toml", "a key twice", "a = 1\na = 2\n");
  all.add("toml", "a whole number of 2^64", "a = 18446744073709551616\n");
  all.add("toml", "a date", "a = 2026-01-01\n");
  all.add("toml", "a table", "[a]\nb = 1\n");
  all.add("toml", "2 MB", repeated("# comment\n", 200'000));
  all.add("toml", "a text that does not end", "a = \"" + std::string(1'000'000, 'x'));
  all.add("toml", "bytes that are not UTF-8", "a = \"\xFF\"\n");
  all.add("sums", "a hash that is too short", "abc  a.bin\n");
  all.add("sums", "2 MB", std::string(2'000'000, '0'));
}

void add_traces(Collection& all) {
  const auto& right = seed_of("npy_trace");
  const std::string shape = "(3, 2)";
  for (const auto& size : kSizes) {
    // The header keeps its length: what is longer than the blanks behind it is cut off with it.
    for (const auto& lie : {"(" + size + ", 2)", "(3, " + size + ", 2)", "(" + size + ", " + size + ")"})
      all.add("npy_trace", "the shape " + lie, replaced(right, shape, lie));
  }
  all.add("npy_trace", "no shape", replaced(right, shape, "()"));
  all.add("npy_trace", "one dimension", replaced(right, shape, "(6,)"));
  all.add("npy_trace", "no rounds", replaced(right, shape, "(0, 2)"));
  all.add("npy_trace", "a million dimensions", replaced(right, shape, "(" + repeated("1,", 1'000'000) + ")"));
  for (const std::string type : {"'>c8'", "'|O'", "'<i4'", "'<c4'", "''", "'"})
    all.add("npy_trace", "the type " + type, replaced(right, "'<c8'", type));
  all.add("npy_trace", "Fortran's order", replaced(right, "False", "True "));
  all.add("npy_trace", "a header of 65,535 bytes", replaced(right, std::string("\x76\0", 2), "\xFF\xFF"));
  all.add("npy_trace", "the magic alone", right.substr(0, 6));
  all.add("npy_trace", "a number less", right.substr(0, right.size() - 8));
  all.add("npy_trace", "not a number", right.substr(0, right.size() - 4) + std::string("\0\0\xC0\x7F", 4));
  all.add("csv_trace", "lines of unlike lengths", "1,2\n1\n");
  all.add("csv_trace", "a worker without a number", "1,,2\n");
  all.add("csv_trace", "names of columns", "h1,h2\n1,2\n");
  all.add("csv_trace", "infinity", "1,inf\n");
  all.add("csv_trace", "not a number", "nan,1\n");
  all.add("csv_trace", "half a complex number", "1+2\n");
  all.add("csv_trace", "nothing", "# nothing\n\n");
  all.add("csv_trace", "3 MB of commas", std::string(3'000'000, ','));
  all.add("csv_trace", "a number of 2 MB", std::string(2'000'000, '1'));
}

}  // namespace

std::vector<HostileFile> hostile_files() {
  Collection all;
  add_safetensors(all);
  add_json(all);
  add_vocabularies(all);
  add_images_and_tokens(all);
  add_archives(all);
  add_toml(all);
  add_traces(all);
  return std::move(all.files);
}

}  // namespace laser::hostile
