// Tensors come back bit for bit, the reference implementation's file is ours byte for byte, and no file from
// outside can do more than be refused.
#include "laser/record/safetensors.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <new>
#include <random>

#include "file_size_limit.hpp"
#include "temporary_folder.hpp"

namespace {

std::atomic<std::size_t> bytes_asked_for{0};  // by everything in this program, never given back

}  // namespace

// Not inlined: the compiler would see a free() of what it knows as new.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  bytes_asked_for += bytes;
  if (void* address = std::malloc(bytes > 0 ? bytes : 1)) return address;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
  bytes_asked_for += bytes;
  return std::malloc(bytes > 0 ? bytes : 1);
}
[[gnu::noinline]] void operator delete(void* address) noexcept { std::free(address); }
[[gnu::noinline]] void operator delete(void* address, std::size_t /*bytes*/) noexcept { std::free(address); }

namespace laser {
namespace {

const std::string kReference = LASER_SOURCE_DIR "/tests/golden/reference.safetensors";

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A file with this header, whatever it claims.
std::string file_of(const std::string& header, const std::string& data = "") {
  const std::uint64_t length = header.size();
  std::string text(8, '\0');
  std::memcpy(text.data(), &length, 8);
  return text + header + data;
}

/// Writes `content`, reads it as a file and returns the error.
std::string refusal(const std::string& content) {
  const TemporaryFolder folder;
  write_file(folder / "x.safetensors", content);
  const Error error = error_of([&] { const SafetensorsFile file(folder / "x.safetensors"); });
  if (error.code() == ExitCode::kOk) return "read";
  EXPECT_EQ(error.code(), ExitCode::kData);
  const std::string begin = folder / "x.safetensors" + ": not a valid safetensors file: ";
  EXPECT_EQ(std::string(error.what()).substr(0, begin.size()), begin);
  return std::string(error.what()).substr(begin.size());
}

std::string refusal_of_header(const std::string& header, const std::string& data = "") {
  return refusal(file_of(header, data));
}

/// One entry of a header; `rest` stands for the offsets.
std::string entry(const std::string& name, const std::string& shape, const std::string& offsets) {
  return '"' + name + R"(":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

struct Example {
  std::vector<float> weights = {1.5f, -2.0f, 0.0f, 3.25f, 1e-30f, 7.0f};
  std::vector<std::int64_t> counters = {1, -5};
  std::string flags = std::string("\0\1\1", 3);
  StoredTensors tensors = {
      {"layer.weight", {ElementType::kF32, {2, 3}, std::as_bytes(std::span(weights))}},
      {"counters", {ElementType::kI64, {2}, std::as_bytes(std::span(counters))}},
      {"flags", {ElementType::kBool, {3, 1}, bytes_of(flags)}},
      {"nothing", {ElementType::kF16, {0, 5}, {}}},
  };
  Metadata metadata = {{"round", "17"}, {"configuration", "power = 10\n\"quoted\""}};
};

void expect_equal(const StoredTensors& left, const StoredTensors& right) {
  ASSERT_EQ(left.size(), right.size());
  for (const auto& [name, tensor] : left) {
    const auto& other = right.at(name);
    EXPECT_EQ(tensor.type, other.type) << name;
    EXPECT_EQ(tensor.shape, other.shape) << name;
    EXPECT_EQ(text_of(tensor.bytes), text_of(other.bytes)) << name;
  }
}

TEST(Safetensors, WhatIsWrittenReadsBack) {
  const TemporaryFolder folder;
  const Example example;
  for (const auto checksums : {Checksums::kNone, Checksums::kSha256}) {
    write_safetensors(folder / "a.safetensors", example.tensors, example.metadata, checksums);
    const SafetensorsFile file(folder / "a.safetensors");
    expect_equal(example.tensors, file.tensors());
    for (const auto& [key, value] : example.metadata) EXPECT_EQ(file.metadata().at(key), value);
    EXPECT_EQ(file.metadata().size(), checksums == Checksums::kNone ? 2u : 4u);
    EXPECT_EQ(file.tensor("counters").shape, std::vector<std::int64_t>{2});
    for (const auto& [name, tensor] : file.tensors()) {
      const auto address = std::bit_cast<std::uintptr_t>(tensor.bytes.data());
      EXPECT_EQ(address % element_bytes(tensor.type), 0u) << name << " is not aligned";
    }
    EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"a.safetensors"});
  }
}

TEST(Safetensors, SameContentSameBytes) {
  const TemporaryFolder folder;
  const Example one, two;
  write_safetensors(folder / "1", one.tensors, one.metadata, Checksums::kSha256);
  write_safetensors(folder / "2", two.tensors, two.metadata, Checksums::kSha256);
  EXPECT_EQ(read_file(folder / "1"), read_file(folder / "2"));
}

TEST(Safetensors, AnEmptyFileOfTensorsReadsBack) {
  const TemporaryFolder folder;
  write_safetensors(folder / "a", {}, {}, Checksums::kNone);
  EXPECT_EQ(read_file(folder / "a"), file_of("{}      "));
  EXPECT_TRUE(SafetensorsFile(folder / "a").tensors().empty());
}

// tests/golden/make_safetensors.py writes the file with the format's own Python package.
TEST(Safetensors, ReadsTheReferenceImplementation) {
  const SafetensorsFile file(kReference);
  EXPECT_EQ(file.metadata(), (Metadata{{"note", "quoted \"text\""}}));
  ASSERT_EQ(file.tensors().size(), 16u);
  const std::map<std::string, ElementType> types = {
      {"a.bool", ElementType::kBool},     {"a.uint8", ElementType::kU8},    {"a.int8", ElementType::kI8},
      {"a.int16", ElementType::kI16},     {"a.uint16", ElementType::kU16},  {"a.float16", ElementType::kF16},
      {"a.bfloat16", ElementType::kBF16}, {"a.int32", ElementType::kI32},   {"a.uint32", ElementType::kU32},
      {"a.float32", ElementType::kF32},   {"a.float64", ElementType::kF64}, {"a.int64", ElementType::kI64},
      {"a.uint64", ElementType::kU64},
  };
  for (const auto& [name, type] : types) {
    EXPECT_EQ(file.tensor(name).type, type) << name;
    EXPECT_EQ(file.tensor(name).shape, (std::vector<std::int64_t>{2, 3})) << name;
    EXPECT_EQ(file.tensor(name).bytes.size(), 6 * element_bytes(type)) << name;
  }
  const auto expect_counting = [&]<class Number>(const std::string& name, Number) {
    std::vector<Number> numbers(6);
    std::memcpy(numbers.data(), file.tensor(name).bytes.data(), 6 * sizeof(Number));
    EXPECT_EQ(numbers, (std::vector<Number>{0, 1, 2, 3, 4, 5})) << name;
  };
  expect_counting("a.uint8", std::uint8_t{});
  expect_counting("a.int8", std::int8_t{});
  expect_counting("a.int16", std::int16_t{});
  expect_counting("a.uint16", std::uint16_t{});
  expect_counting("a.int32", std::int32_t{});
  expect_counting("a.uint32", std::uint32_t{});
  expect_counting("a.float32", float{});
  expect_counting("a.float64", double{});
  expect_counting("a.int64", std::int64_t{});
  expect_counting("a.uint64", std::uint64_t{});
  EXPECT_TRUE(file.tensor("scalar").shape.empty());
  EXPECT_EQ(file.tensor("scalar").bytes.size(), 4u);
  EXPECT_EQ(file.tensor("empty").shape, (std::vector<std::int64_t>{0, 4}));
  EXPECT_EQ(text_of(file.tensor("gr\u00f6\u00dfe").bytes), "\x07");
}

TEST(Safetensors, WritesTheBytesOfTheReferenceImplementation) {
  const TemporaryFolder folder;
  const SafetensorsFile file(kReference);
  write_safetensors(folder / "a", file.tensors(), file.metadata(), Checksums::kNone);
  EXPECT_EQ(read_file(folder / "a"), read_file(kReference));
}

TEST(Safetensors, EveryFlippedBitIsFound) {
  const TemporaryFolder folder;
  const Example example;
  const std::string path = folder / "a";
  write_safetensors(path, example.tensors, example.metadata, Checksums::kSha256);
  SafetensorsFile(path).verify_checksums();
  const std::string whole = read_file(path);
  int refused = 0, differed = 0;
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    const auto put = [&](char byte) {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(bit / 8));
      file.put(byte);
    };
    put(static_cast<char>(whole[bit / 8] ^ (1 << bit % 8)));
    const Error error = error_of([&] { SafetensorsFile(path).verify_checksums(); });
    ASSERT_EQ(error.code(), ExitCode::kData) << "bit " << bit << " of byte " << bit / 8;
    ++(contains(error.what(), path + ": is damaged: its ") ? differed : refused);
    put(whole[bit / 8]);
  }
  EXPECT_GT(refused, 64);                  // length and brackets of the header, at least
  EXPECT_GE(differed, 8 * (24 + 16 + 3));  // all of the data, at least
  EXPECT_EQ(refused + differed, static_cast<int>(8 * whole.size()));
}

TEST(Safetensors, ChecksumsMustBeThereToBeVerified) {
  const Error error = error_of([] { SafetensorsFile(kReference).verify_checksums(); });
  EXPECT_EQ(error.code(), ExitCode::kData);
  EXPECT_EQ(std::string(error.what()),
            kReference + ": has no 'header_sha256' to check it against: damaged, or written elsewhere");
}

TEST(Safetensors, FilesThatCanNotBeReadAreNamed) {
  const TemporaryFolder folder;
  const auto text = [](const std::string& path) {
    return std::string(error_of([&] { const SafetensorsFile file(path); }).what());
  };
  EXPECT_EQ(text("/nowhere/a"), "cannot read /nowhere/a: No such file or directory");
  EXPECT_EQ(text(folder.path()), "cannot read " + folder.path() + ": it is a folder");
  EXPECT_EQ(text("/dev/null"), "cannot read /dev/null: it is not a plain file");
  const Error error = error_of([] { (void)SafetensorsFile(kReference).tensor("absent\x1b"); });
  EXPECT_EQ(std::string(error.what()), kReference + ": holds no tensor 'absent\\x1b'");
}

TEST(SafetensorsHostile, TruncationIsNamed) {
  EXPECT_EQ(refusal(""), "it has 0 bytes, too few for a header");
  EXPECT_EQ(refusal("1234567"), "it has 7 bytes, too few for a header");
  const std::string whole = read_file(kReference);
  const TemporaryFolder folder;
  write_file(folder / "a", whole);
  for (std::size_t size = whole.size(); size-- > 0;) {
    std::filesystem::resize_file(folder / "a", size);
    const Error error = error_of([&] { const SafetensorsFile file(folder / "a"); });
    EXPECT_TRUE(contains(error.what(), "too few for a header") || contains(error.what(), "cut short?"))
        << error.what();
  }
  EXPECT_EQ(refusal(whole + "xx"), "2 bytes follow the last tensor");
}

TEST(SafetensorsHostile, ClaimedHeaderLengthsAreHeldAgainstTheFile) {
  for (const std::uint64_t length : {std::uint64_t{9}, std::uint64_t{1} << 31, (std::uint64_t{1} << 63) - 1,
                                     std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    std::string content = file_of("{}      ");
    std::memcpy(content.data(), &length, 8);
    EXPECT_EQ(refusal(content), fmt::format("its header claims {} bytes, and 8 follow: cut short?", length));
  }
  EXPECT_EQ(refusal_of_header("{}" + std::string(kMaxSafetensorsHeader, ' ')),
            "its header has 8388610 bytes, more than 8388608");
}

TEST(SafetensorsHostile, PlacesMustCoverTheDataExactly) {
  const std::string four(4, 'x'), eight(8, 'x'), twelve(12, 'x');
  const auto two = [](const std::string& a, const std::string& b) {
    return "{" + entry("a", "[1]", a) + "," + entry("b", "[1]", b) + "}";
  };
  EXPECT_EQ(refusal_of_header(two("[0,4]", "[4,8]"), eight), "read");
  EXPECT_EQ(refusal_of_header(two("[4,8]", "[0,4]"), eight), "read");
  EXPECT_EQ(refusal_of_header(two("[0,4]", "[0,4]"), eight), "'b' begins at byte 0 inside another tensor");
  EXPECT_EQ(refusal_of_header(two("[0,4]", "[2,6]"), eight), "'b' begins at byte 2 inside another tensor");
  EXPECT_EQ(refusal_of_header(two("[0,4]", "[8,12]"), twelve),
            "'b' begins at byte 8 after a hole from byte 4");
  EXPECT_EQ(refusal_of_header(two("[4,8]", "[8,12]"), twelve),
            "'a' begins at byte 4 after a hole from byte 0");
  EXPECT_EQ(refusal_of_header(two("[0,4]", "[4,8]"), four),
            "'b' ends at byte 8 of the data, which are 4 bytes: cut short?");
  EXPECT_EQ(refusal_of_header(two("[0,4]", "[4,9223372036854775807]"), eight),
            "'b' ends at byte 9223372036854775807 of the data, which are 8 bytes: cut short?");
  EXPECT_EQ(refusal_of_header(two("[0,4]", "[8,4]"), eight), "'b' ends at byte 4 before it begins at 8");
  EXPECT_EQ(refusal_of_header(two("[0,4]", "[4,8]"), twelve), "4 bytes follow the last tensor");
  EXPECT_EQ(refusal_of_header("{" + entry("a", "[2]", "[0,4]") + "}", four),
            "'a' has 4 bytes where its shape needs 8");
}

TEST(SafetensorsHostile, ShapesThatOverflowAreRefused) {
  const auto shape = [](const std::string& text) {
    return refusal_of_header("{" + entry("a", text, "[0,0]") + "}");
  };
  const std::string overflow = "'a' has a shape of more bytes than can be counted";
  EXPECT_EQ(shape("[0]"), "read");
  EXPECT_EQ(shape("[4611686018427387904]"), overflow);      // x 4 bytes = 2^64
  EXPECT_EQ(shape("[4294967296,4294967296]"), overflow);    // 2^64, which wraps to 0
  EXPECT_EQ(shape("[4294967296,0,4294967296]"), overflow);  // its strides would wrap
  EXPECT_EQ(shape("[9223372036854775807,3]"), overflow);
  EXPECT_EQ(shape("[9223372036854775808]"), "'shape' of 'a' is or holds a number above 2^63 - 1");
  EXPECT_EQ(shape("[99999999999999999999]"),
            "'shape' of 'a' is or holds a number that is not whole or above 2^64");
  EXPECT_EQ(shape("[-1]"), "'shape' of 'a' is or holds a negative number");
  EXPECT_EQ(shape("[1.0]"), "'shape' of 'a' is or holds a number that is not whole or above 2^64");
  std::string ones = "[1";
  for (int i = 0; i < 32; ++i) ones += ",1";
  EXPECT_EQ(shape(ones + "]"), "'a' has more than 32 dimensions");
}

TEST(SafetensorsHostile, KeysComeOnceAndAreKnown) {
  const auto a = entry("a", "[0]", "[0,0]");
  EXPECT_EQ(refusal_of_header("{" + a + "," + a + "}"), "'a' comes twice");
  EXPECT_EQ(refusal_of_header("{" + a + R"(,"\u0061":)" + a.substr(4) + "}"), "'a' comes twice");
  EXPECT_EQ(refusal_of_header(R"({"__metadata__":{},"__metadata__":{}})"), "'__metadata__' comes twice");
  EXPECT_EQ(refusal_of_header(R"({"__metadata__":{"k":"1","k":"2"}})"), "the metadata 'k' come twice");
  EXPECT_EQ(refusal_of_header(R"({"a":{"dtype":"F32","dtype":"F32"}})"), "'dtype' of 'a' comes twice");
  EXPECT_EQ(refusal_of_header(R"({"a":{"shape":[],"shape":[]}})"), "'shape' of 'a' comes twice");
  EXPECT_EQ(refusal_of_header(R"({"a":{"data_offsets":[],"data_offsets":[]}})"),
            "'data_offsets' of 'a' comes twice");
  EXPECT_EQ(refusal_of_header(R"({"a":{"code":"x"}})"), "'a' has the unknown field 'code'");
}

TEST(SafetensorsHostile, FieldsAreThereAndOfTheirKind) {
  EXPECT_EQ(refusal_of_header(R"({"a":{}})"), "'a' has no 'dtype'");
  EXPECT_EQ(refusal_of_header(R"({"a":{"dtype":"F32"}})"), "'a' has no 'shape'");
  EXPECT_EQ(refusal_of_header(R"({"a":{"dtype":"F32","shape":[0]}})"), "'a' has no two 'data_offsets'");
  EXPECT_EQ(refusal_of_header("{" + entry("a", "[0]", "[0]") + "}"), "'a' has no two 'data_offsets'");
  EXPECT_EQ(refusal_of_header("{" + entry("a", "[0]", "[0,0,0]") + "}"), "'data_offsets' of 'a' are not two");
  EXPECT_EQ(refusal_of_header(R"({"a":{"dtype":"F128"}})"), "'a' has the unknown dtype 'F128'");
  EXPECT_EQ(refusal_of_header(R"({"a":{"dtype":"f32"}})"), "'a' has the unknown dtype 'f32'");
  EXPECT_EQ(refusal_of_header(R"({"a":{"dtype":7}})"), "'dtype' of 'a' is or holds a number");
  EXPECT_EQ(refusal_of_header(R"({"a":{"dtype":["F32"]}})"), "'dtype' of 'a' is or holds a list");
  EXPECT_EQ(refusal_of_header(R"({"a":{"shape":"2"}})"), "'shape' of 'a' is or holds a text");
  EXPECT_EQ(refusal_of_header(R"({"a":{"shape":[null]}})"), "'shape' of 'a' is or holds null");
  EXPECT_EQ(refusal_of_header(R"({"a":{"shape":{}}})"), "'shape' of 'a' is or holds an object");
  EXPECT_EQ(refusal_of_header(R"({"a":[]})"), "'a' is a list, not an object");
  EXPECT_EQ(refusal_of_header(R"({"a":true})"), "'a' is true or false, not an object");
  EXPECT_EQ(refusal_of_header(R"({"__metadata__":{"k":1}})"), "the metadata 'k' are a number, not a text");
}

TEST(SafetensorsHostile, NestingStopsWhereTheFormatEnds) {
  std::string brackets(10000, '['), objects;
  for (int i = 0; i < 10000; ++i) objects += "{\"a\":";
  EXPECT_EQ(refusal_of_header(brackets), "its header does not begin with '{'");
  EXPECT_EQ(refusal_of_header("{\"a\":" + brackets), "'a' is a list, not an object");
  EXPECT_EQ(refusal_of_header(R"({"a":{"shape":)" + brackets), "'shape' of 'a' is or holds a list");
  EXPECT_EQ(refusal_of_header(objects), "'a' has the unknown field 'a'");
}

TEST(SafetensorsHostile, TextIsJsonAndUtf8) {
  EXPECT_EQ(refusal_of_header(""), "its header does not begin with '{'");
  EXPECT_EQ(refusal_of_header(" {}"), "its header does not begin with '{'");
  EXPECT_EQ(refusal_of_header("{\"a\""), "its header is not JSON at byte 5");
  EXPECT_EQ(refusal_of_header("{}x"), "its header is not JSON at byte 3");
  EXPECT_EQ(refusal_of_header("{} {}"), "its header is not JSON at byte 4");
  EXPECT_EQ(refusal_of_header("{\"a\xff\":1}"), "its header is not UTF-8 at byte 4");
  EXPECT_EQ(refusal_of_header("{\"\xc3\x28\":1}"), "its header is not UTF-8 at byte 4");
  EXPECT_EQ(refusal_of_header(R"({"\ud800":1})").substr(0, 18), "its header is not ");
  EXPECT_EQ(refusal_of_header(std::string("{}\0,\"a\":1", 9)), "its header has a zero byte at byte 2");
  EXPECT_EQ(refusal_of_header(R"({"\u001b[2J":1})"), "'\\x1b[2J' is a number, not an object");
  EXPECT_EQ(refusal_of_header("{\"" + std::string(100, 'n') + "\":1}"),
            "'" + std::string(60, 'n') + "...' is a number, not an object");
}

TEST(SafetensorsHostile, NumbersOfEntriesAreLimited) {
  std::string tensors = "{", metadata = R"({"__metadata__":{)";
  for (int i = 0; i <= 65536; ++i) {
    if (i > 0) tensors += ',';
    tensors += entry(fmt::format("{:x}", i), "[0]", "[0,0]");
    metadata += fmt::format("{}\"{:x}\":\"\"", i > 0 ? "," : "", i);
  }
  EXPECT_EQ(refusal_of_header(tensors + "}"), "it has more than 65536 tensors");
  EXPECT_EQ(refusal_of_header(metadata + "}}"), "it has more than 65536 metadata");
}

// 500 copies, each with one to eight random bytes replaced, inserted, removed, repeated or cut off. One in
// eight changes only the data and must still be read.
TEST(SafetensorsHostile, MutationsAreReadOrRefused) {
  const TemporaryFolder folder;
  const std::string whole = read_file(kReference);
  std::mt19937 random(20231013);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  int read = 0, refused = 0;
  for (int i = 0; i < 500; ++i) {
    std::string content = whole;
    for (std::size_t changes = 1 + below(8); changes > 0 && !content.empty(); --changes) {
      const std::size_t at = i % 8 == 0 ? content.size() - 1 - below(100) : below(content.size());
      const auto byte = static_cast<char>(below(256));
      switch (i % 8 == 0 ? 0 : below(5)) {
        case 0:
          content[at] = byte;
          break;
        case 1:
          content.insert(at, 1, byte);
          break;
        case 2:
          content.erase(at, 1 + below(16));
          break;
        case 3:
          content.insert(at, content.substr(below(content.size()), below(64)));
          break;
        default:
          content.resize(at);
      }
    }
    write_file(folder / "a", content);
    const Error error = error_of([&] {
      const SafetensorsFile file(folder / "a");
      unsigned sum = 0;  // every byte that a tensor views is there
      for (const auto& [name, tensor] : file.tensors())
        for (const auto b : tensor.bytes) sum += std::to_integer<unsigned>(b);
      EXPECT_LE(sum, 255 * content.size());
    });
    EXPECT_TRUE(error.code() == ExitCode::kOk || error.code() == ExitCode::kData) << error.what();
    ++(error.code() == ExitCode::kOk ? read : refused);
    if (i % 8 == 0) {
      EXPECT_EQ(error.code(), ExitCode::kOk) << error.what();
    }
  }
  EXPECT_GE(read, 63);
  EXPECT_GT(refused, 300);
}

// Claims of a small file cost next to nothing; a header of small entries costs some times its size.
TEST(SafetensorsHostile, MemoryStaysNearTheSizeOfTheFile) {
  const TemporaryFolder folder;
  const auto cost = [&](const std::string& header) {
    write_file(folder / "a", file_of(header));
    const auto before = bytes_asked_for.load();
    const Error error = error_of([&] { const SafetensorsFile file(folder / "a"); });
    return bytes_asked_for.load() - before;
  };
  EXPECT_LT(cost("{" + entry("a", "[1152921504606846976]", "[0,4611686018427387904]") + "}"), 16'000u);
  std::string tensors, metadata;
  for (int i = 0; i < 60000; ++i) {
    tensors += entry(fmt::format("{:x}", i), "[0]", "[0,0]") + ",";
    metadata += fmt::format("{}\"{:x}\":\"\"", i > 0 ? "," : "", i);
  }
  const std::string header = "{" + tensors + R"("__metadata__":{)" + metadata + "}}";
  EXPECT_LT(cost(header), header.size() + 64'000'000u);
  EXPECT_LT(cost(R"({"__metadata__":{"a":")" + std::string(8'000'000, 'x') + "\"}}"), 64'000'000u);
}

// RLIMIT_FSIZE at 30 points stands for a disk that is full there.
TEST(Safetensors, FullDiskKeepsTheOldFile) {
  const TemporaryFolder folder;
  const Example example;
  const std::string path = folder / "a.safetensors";
  write_safetensors(path, example.tensors, {{"round", "1"}}, Checksums::kSha256);
  const std::string before = read_file(path);
  for (rlim_t i = 0; i < 30; ++i) {
    Error error(ExitCode::kOk, "");
    {
      const FileSizeLimit limit(i * before.size() / 30);
      error = error_of([&] {
        write_safetensors(path, example.tensors, {{"round", "2"}}, Checksums::kSha256);
      });
    }
    EXPECT_EQ(error.code(), ExitCode::kIo);
    EXPECT_EQ(std::string(error.what()),
              fmt::format("{}: can't write {} bytes: File too large", path, before.size()));
    EXPECT_EQ(read_file(path), before);
    EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"a.safetensors"});
  }
}

TEST(Safetensors, OurOwnMistakesAreInternalErrors) {
  const TemporaryFolder folder;
  Example example;
  example.tensors.at("flags").shape = {4};
  EXPECT_THROW(write_safetensors(folder / "a", example.tensors, {}, Checksums::kNone), std::logic_error);
  EXPECT_THROW(write_safetensors(folder / "a", {}, {{"sha256", ""}}, Checksums::kSha256), std::logic_error);
  EXPECT_TRUE(names_in(folder.path()).empty());
}

}  // namespace
}  // namespace laser
