#include "targets.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "../data/archives.hpp"
#include "../data/byte_pair_files.hpp"
#include "../data/token_files.hpp"
#include "../known_answers/cases.hpp"
#include "../known_answers/scalar_kinds.hpp"
#include "../record/temporary_folder.hpp"
#include "laser/core/fail.hpp"
#include "laser/core/mapped_file.hpp"
#include "laser/data/byte_pair_encoder.hpp"
#include "laser/data/cifar.hpp"
#include "laser/data/data_files.hpp"
#include "laser/data/inflate.hpp"
#include "laser/data/mnist.hpp"
#include "laser/data/pickled_images.hpp"
#include "laser/data/token_file.hpp"
#include "laser/fetch/archive.hpp"
#include "laser/hash/sha256.hpp"
#include "laser/record/json.hpp"
#include "laser/record/reader.hpp"
#include "laser/record/safetensors.hpp"
#include "laser/train/gain_trace.hpp"
#include "laser/train/settings.hpp"
#include "laser/train/sweep_journal.hpp"

namespace laser::hostile {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kImages = 3;

/// Big-endian, as IDX has it.
std::string words(const std::vector<std::uint32_t>& values) {
  std::string bytes;
  for (const auto value : values) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  }
  return bytes;
}

std::string idx_images() {
  auto bytes = words({0x803, kImages, 28, 28});
  for (std::size_t i = 0; i < kImages * 784; ++i) bytes += static_cast<char>(i % 11 == 0 ? i : 0);
  return bytes;
}

std::string idx_labels() { return words({0x801, kImages}) + std::string("\7\0\3", 3); }

// What is damaged is what comes out of the gzip: its checksum would catch nearly everything else.
void read_idx_pair(const Workplace& place, const std::string& images, const std::string& labels) {
  const auto split =
      load_grey_images(place.put("images.gz", gzipped(images)), place.put("labels.gz", gzipped(labels)));
  LASER_CHECK(split.offsets.size() == split.labels.size() + 1 && split.offsets.back() == split.values.size());
}

void read_gzip(const Workplace& place, const std::string& bytes) {
  const auto path = place.put("file.gz", bytes);
  const MappedFile file(path);
  Inflater content(file.bytes(), Inflater::Format::kGzip, path);
  std::size_t size = 0;
  for (auto piece = content.next(); !piece.empty(); piece = content.next()) size += piece.size();
  LASER_CHECK(size <= 1100 * bytes.size());  // a byte of deflate is at most 1032
}

void read_cifar(const Workplace& place, const std::string& bytes) {
  const ColorImages images({place.put("batch.bin", bytes)}, {3073, {10}});
  unsigned sum = 0;
  for (std::int64_t i = 0; i < images.size(); ++i) sum += images.image(i)[ColorImages::kValues - 1];
  LASER_CHECK(sum <= 255 * bytes.size());
}

/// Two images as Python 2 pickles them.
std::string pickled_images() {
  using namespace std::string_literals;
  return "\x80\x02}q\x00(U\x04"
         "datacnumpy.core.multiarray\n_reconstruct\nq\x01"
         "cnumpy\nndarray\nq\x02K\x00\x85U\x01"
         "b\x87R("s +
         "K\x01K\x02M\x00\x0c\x86"
         "cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"s +
         std::string("\x00\x18\x00\x00", 4) + std::string(2 * 3072, '\3') +
         "tbU\x06labels](K\x07K\x01"
         "eu."s;
}

void read_pickle(const Workplace& place, const std::string& bytes) {
  const auto images = read_pickled_images(place.put("data_batch_1", bytes));
  LASER_CHECK(images.pixels.size() == 3072 * images.labels.size());
}

void read_vocabulary(const Workplace& place, const std::string& encoder, const std::string& merges) {
  place.put(kEncoderName, encoder);
  place.put(kMergesName, merges);
  const BytePairEncoder pairs(load_byte_pair_vocabulary(place.folder()));
  LASER_CHECK(pairs.decode(pairs.encode("abc cab \xFF ab")) == "abc cab \xFF ab");
}

const BytePairEncoder& small_encoder() {
  static const auto encoder = [] {
    const DataFolder folder;
    SmallVocabulary().write(folder);
    return BytePairEncoder(load_byte_pair_vocabulary(folder.path()));
  }();
  return encoder;
}

std::string token_file() {
  const DataFolder folder;
  folder.write("text", "abc cc cccc ab abcabc");
  write_token_file(folder.path() / "text", folder.path() / "tokens", small_encoder());
  return laser::read_file((folder.path() / "tokens").string());
}

void read_tokens(const Workplace& place, const std::string& bytes) {
  const TokenFile file(place.put("tokens", bytes), small_encoder().vocabulary());
  (void)small_encoder().decode(file.tokens());
}

std::string safetensors(Checksums checksums) {
  const Workplace place;
  const std::vector<float> numbers{1, 2, 3, 4, 5, 6};
  const std::vector<std::int64_t> whole{7};
  const StoredTensors tensors{
      {"weight", {ElementType::kF32, {2, 3}, std::as_bytes(std::span(numbers))}},
      {"empty", {ElementType::kF32, {0, 3}, {}}},
      {"progress/round", {ElementType::kI64, {}, std::as_bytes(std::span(whole))}},
  };
  const auto path = place.folder() + "/a.safetensors";
  write_safetensors(path, tensors, {{"format", "laser checkpoint 2"}, {"seconds", "1.5"}}, checksums);
  return laser::read_file(path);
}

void read_tensors(const Workplace& place, const std::string& bytes) {
  const SafetensorsFile file(place.put("file.safetensors", bytes));
  unsigned sum = 0;
  for (const auto& [name, tensor] : file.tensors()) {
    for (const auto byte : tensor.bytes) sum += std::to_integer<unsigned>(byte);
  }
  LASER_CHECK(sum <= 255 * bytes.size());
  // What is read can be written and is read again as the same.
  auto metadata = file.metadata();
  for (const char* key : {"sha256", "header_sha256"}) metadata.erase(key);
  const auto copy = place.folder() + "/copy.safetensors";
  write_safetensors(copy, file.tensors(), metadata, Checksums::kSha256);
  const SafetensorsFile again(copy);
  again.verify_checksums();
  LASER_CHECK(again.tensors().size() == file.tensors().size());
}

void read_checkpoint_file(const Workplace& place, const std::string& bytes) {
  const SafetensorsFile file(place.put("checkpoint.safetensors", bytes));
  file.verify_checksums();
}

std::string metrics() {
  return to_json_line(example_epoch(1, 50)) + "\n" + to_json_line(example_epoch(2, 60)) + "\n";
}

void read_run_of(const Workplace& place, const std::string& lines, const std::string& summary) {
  place.put("config.toml", "");
  place.put("metrics.jsonl", lines);
  place.put("summary.json", summary);
  (void)read_run(place.folder());
}

std::string summary() { return to_json(example_summary("laser", 0.1, 3, 80)); }

void read_known_answers(const Workplace& place, const std::string& bytes) {
  static const auto kinds = known_answers::scalar_kinds();
  for (const auto& test_case : known_answers::read_cases(place.put("cases.json", bytes)))
    (void)known_answers::run_case(test_case, kinds);
}

std::string known_answers_of(const char* kind_and_inputs) {
  return std::string(
             R"({"cases": [{"name": "a", "tolerance": {"rel": 1e-9}, "expected": {"x": [1.5, 2]}, )") +
         kind_and_inputs + "}]}";
}

const std::vector<ArchiveMember> kMembers{{"folder/a.bin", 4000}, {"folder/b.bin", 4000}};

template <class Read>
void read_archive(const std::string& bytes, Read read) {
  std::uint64_t taken = 0;
  read(std::as_bytes(std::span(bytes)), kMembers, "archive",
       [&](std::size_t, std::span<const std::byte> piece) { taken += piece.size(); });
  LASER_CHECK(taken <= 8000);
}

std::string tar() {
  return tar_of({{"folder/a.bin", std::string(700, 'a')}, {"other", "x"}, {"folder/b.bin", "short"}});
}

std::string zip() { return zip_of({{"folder/a.bin", std::string(700, 'a')}, {"folder/b.bin", "b", 0}}); }

std::string npy_trace() {
  std::string header = "{'descr': '<c8', 'fortran_order': False, 'shape': (3, 2), }";
  header.resize(117, ' ');
  header += '\n';
  std::string numbers(3 * 2 * 8, '\0');
  for (std::size_t i = 0; i < numbers.size(); i += 4) numbers[i + 3] = '\x3f';  // 0.5
  return std::string("\x93NUMPY\1\0\x76\0", 10) + header + numbers;
}

void read_trace(const Workplace& place, const std::string& name, const std::string& bytes) {
  const auto trace = read_gain_trace(place.put(name, bytes));
  LASER_CHECK(trace->gains.size() == static_cast<std::size_t>(trace->rounds * trace->workers *
                                                              std::max<std::int64_t>(trace->antennas, 1)));
}

void read_sums(const Workplace& place, const std::string& bytes) {
  place.put(kSumsName, bytes);
  DataSet set;
  set.sources.emplace_back().files = {{"a.bin", 3, "", ""}};
  place.put("a.bin", "abc");
  (void)check_files(set, place.folder());
}

std::vector<Target> make_targets() {
  using P = const Workplace&;
  using B = const std::string&;
  const std::string toml =
      "# a run\nmethod = \"laser\"\npower = 10.0\nepochs = 2\nmilestones = [1, 2.5]\nverify_data = true\n"
      "data_dir = '/d\xC3\xA4ta'\nlearning_rate = 1e-2\n";
  return {
      {"toml", {toml}, [](P place, B bytes) { (void)read_settings(place.put("a.toml", bytes)); }},
      {"idx_images", {idx_images()}, [](P place, B bytes) { read_idx_pair(place, bytes, idx_labels()); }},
      {"idx_labels", {idx_labels()}, [](P place, B bytes) { read_idx_pair(place, idx_images(), bytes); }},
      {"gzip", {gzipped(idx_images()), gzipped("")}, read_gzip},
      {"cifar", {std::string(3073, '\1') + std::string(3073, '\2')}, read_cifar},
      {"pickled_images", {pickled_images()}, read_pickle},
      {"encoder_json",
       {SmallVocabulary().encoder_text()},
       [](P place, B bytes) { read_vocabulary(place, bytes, SmallVocabulary().merges_text()); }},
      {"vocab_bpe",
       {SmallVocabulary().merges_text()},
       [](P place, B bytes) { read_vocabulary(place, SmallVocabulary().encoder_text(), bytes); }},
      {"token_file", {token_file()}, read_tokens},
      {"safetensors", {safetensors(Checksums::kNone)}, read_tensors},
      {"checkpoint", {safetensors(Checksums::kSha256)}, read_checkpoint_file},
      {"metrics", {metrics()}, [](P place, B bytes) { read_run_of(place, bytes, summary()); }},
      {"summary", {summary()}, [](P place, B bytes) { read_run_of(place, metrics(), bytes); }},
      {"sweep_grid",
       {to_json(std::map<std::string, std::string>{{"laser_seed-1", "aa"}, {"zsgd_seed-1", "bb"}})},
       [](P place, B bytes) { (void)read_grid(place.put("sweep.json", bytes)); }},
      {"known_answers",
       {known_answers_of(R"("kind": "lambda", "inputs": {"m": 64, "n": 576, "P": 250, "r": 4, "k": 16})"),
        known_answers_of(
            R"("kind": "policy", "inputs": {"policy": "step_up", "T": 10, "P": 1, "t": [0, 9]})"),
        known_answers_of(R"("kind": "rank_alloc", "inputs": {"m": 8, "n": 9, "P": 5, "kappa": [0.7, 0.3]})"),
        known_answers_of(
            R"("kind": "volume", "inputs": {"shapes": [[3, 4], [5]], "algorithm": "laser_two_phase"})"),
        known_answers_of(
            R"("kind": "noise_std", "inputs": {"norms": [[1, 2], [3, 4]], "allocation": "param", "dims": [4, 5], "P": 2})"),
        known_answers_of(
            R"("kind": "channel_ext", "inputs": {"norms": [1, 2], "powers": [1, 1], "h": [1, 0.5], "mu_h": 1})")},
       read_known_answers},
      {"tar_gz", {tar()}, [](P, B bytes) { read_archive(gzipped(bytes), read_tar_gz); }},
      {"zip", {zip()}, [](P, B bytes) { read_archive(bytes, read_zip); }},
      {"npy_trace", {npy_trace()}, [](P place, B bytes) { read_trace(place, "gains.npy", bytes); }},
      {"csv_trace",
       {"# rounds\n0.5,1-0.25j\n(0.1+2e-3j), 0\n"},
       [](P place, B bytes) { read_trace(place, "gains.csv", bytes); }},
      {"sums", {sha256_hex(std::string("abc")) + "  a.bin\n"}, read_sums},
  };
}

}  // namespace

Workplace::Workplace() {
  std::error_code ignored;
  const auto base = fs::is_directory("/dev/shm", ignored) ? fs::path("/dev/shm") : fs::temp_directory_path();
  std::string pattern = (base / "laser-hostile-XXXXXX").string();
  LASER_CHECK(mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
}

Workplace::~Workplace() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string Workplace::put(const std::string& name, const std::string& bytes) const {
  const auto path = folder_ + "/" + name;
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  LASER_CHECK(file.flush().good());
  return path;
}

const std::vector<Target>& targets() {
  static const auto all = make_targets();
  return all;
}

}  // namespace laser::hostile
