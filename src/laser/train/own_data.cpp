#include "laser/train/own_data.hpp"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include "laser/core/fail.hpp"
#include "laser/core/mapped_file.hpp"
#include "laser/data/catalog.hpp"
#include "laser/data/cifar.hpp"
#include "laser/data/data_files.hpp"
#include "laser/data/idx.hpp"
#include "laser/data/pickled_images.hpp"
#include "laser/data/sharding.hpp"
#include "laser/hash/sha256.hpp"
#include "laser/record/safetensors.hpp"

namespace laser {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostClasses = 65536;
constexpr const char* kForms =
    "IDX files (train-images..., train-labels..., t10k-images..., t10k-labels..., packed or not), CIFAR's "
    "binary form (data_batch_1.bin, ..., test_batch.bin; train.bin, test.bin) or its Python form "
    "(data_batch_1, ..., test_batch; train, test)";

/// The hashes of files, one a line, as the records have them.
std::string hash_of(const std::vector<fs::path>& files) {
  std::string lines;
  for (const auto& file : files) {
    const MappedFile content(file.string());
    lines += fmt::format("{}  {}\n", sha256_hex(content.bytes()), file.filename().string());
  }
  return sha256_hex(std::as_bytes(std::span(lines)));
}

at::Tensor bytes_of(const void* bytes, at::IntArrayRef shape) {
  auto tensor = at::empty(shape, at::kByte);
  std::memcpy(tensor.data_ptr(), bytes, static_cast<std::size_t>(tensor.numel()));
  return tensor;
}

/// Checks that the labels are classes, and counts these.
void count_classes(OwnData& data, const std::string& where) {
  std::int64_t largest = 0;
  for (const auto* part : {&data.train, &data.test}) {
    const auto low = part->labels.min().item<std::int64_t>(), high = part->labels.max().item<std::int64_t>();
    if (low < 0 || high >= kMostClasses) {
      fail(ExitCode::kData,
           "{}: a label is {}, and labels are 0, 1, 2, ... HINT: number the classes from 0 on", where,
           low < 0 ? low : high);
    }
    largest = std::max(largest, high);
  }
  data.classes = largest + 1;
  if (data.classes < 2) fail(ExitCode::kData, "{}: all labels are 0. HINT: two classes at least", where);
}

// ---- images

/// What a folder holds in one of the forms; nothing where it has none of these files.
struct ImageFiles {
  enum class Form { kIdx, kBinary, kPython } form;
  std::vector<fs::path> train, test;  // of IDX: images, then labels
};

std::optional<ImageFiles> idx_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& file : find_data_set("mnist").files()) files.push_back(path_of(file, folder));
  const auto there = [](const fs::path& path) { return fs::is_regular_file(path); };
  if (std::ranges::none_of(files, there)) return {};
  for (const auto& file : files) {
    if (!there(file)) {
      fail(ExitCode::kData, "{} is missing, or several files may be meant. HINT: one set of {}",
           file.string(), "train-images, train-labels, t10k-images and t10k-labels in the folder");
    }
  }
  return ImageFiles{ImageFiles::Form::kIdx, {files[0], files[1]}, {files[2], files[3]}};
}

std::optional<ImageFiles> cifar_files(const fs::path& folder, ImageFiles::Form form) {
  const std::string end = form == ImageFiles::Form::kBinary ? ".bin" : "";
  for (const auto& [batches, name] : {std::pair{true, "test_batch"}, std::pair{false, "test"}}) {
    const auto test = folder / (name + end);
    if (!fs::is_regular_file(test)) continue;
    ImageFiles files{form, {}, {test}};
    if (!batches) files.train = {folder / ("train" + end)};
    for (int i = 1; batches && fs::is_regular_file(folder / fmt::format("data_batch_{}{}", i, end)); ++i)
      files.train.push_back(folder / fmt::format("data_batch_{}{}", i, end));
    if (!files.train.empty() && fs::is_regular_file(files.train[0])) return files;
  }
  return {};
}

std::vector<ImageFiles> forms_in(const fs::path& folder) {
  std::vector<ImageFiles> forms;
  for (auto& form : {idx_files(folder), cifar_files(folder, ImageFiles::Form::kBinary),
                     cifar_files(folder, ImageFiles::Form::kPython)}) {
    if (form) forms.push_back(*form);
  }
  return forms;
}

/// The files in the folder or, where it has none, in those up to two levels below it.
ImageFiles find_images(const fs::path& folder) {
  std::error_code problem;
  if (!fs::is_directory(folder, problem)) {
    fail(ExitCode::kData, "{} is no folder. HINT: data=FOLDER with {}", folder.string(), kForms);
  }
  auto found = forms_in(folder);
  if (found.empty()) {
    std::set<fs::path> below;
    constexpr int kLevels = 2;
    for (fs::recursive_directory_iterator
             entry(folder, fs::directory_options::skip_permission_denied, problem),
         end;
         !problem && entry != end; entry.increment(problem)) {
      if (entry.depth() + 1 >= kLevels) entry.disable_recursion_pending();
      if (entry->is_directory(problem)) below.insert(entry->path());
    }
    for (const auto& place : below) {
      for (auto& form : forms_in(place)) found.push_back(std::move(form));
    }
  }
  if (found.empty())
    fail(ExitCode::kData, "{} holds no images in a form that is read here. HINT: {}", folder.string(),
         kForms);
  if (found.size() > 1) {
    fail(ExitCode::kData,
         "{} holds several sets of images: in {} and in {}. HINT: data= the folder of one of them",
         folder.string(), found[0].test[0].parent_path().string(), found[1].test[0].parent_path().string());
  }
  return found[0];
}

OwnExamples read_images(const ImageFiles& files, const std::vector<fs::path>& part) {
  OwnExamples examples;
  std::vector<std::int64_t> labels;
  if (files.form == ImageFiles::Form::kIdx) {
    const auto images = read_idx(part[0], 3), classes = read_idx(part[1], 1);
    if (images.sizes[0] != classes.sizes[0]) {
      fail(ExitCode::kData, "{} has {} images, {} has {} labels", part[0].string(), images.sizes[0],
           part[1].string(), classes.sizes[0]);
    }
    examples.inputs = bytes_of(images.values.data(), {images.sizes[0], 1, images.sizes[1], images.sizes[2]});
    for (const auto label : classes.values) labels.push_back(std::to_integer<std::int64_t>(label));
  } else {
    constexpr std::int64_t kSide = ColorImages::kSide;
    std::vector<at::Tensor> pieces;
    for (const auto& file : part) {
      if (files.form == ImageFiles::Form::kPython) {
        const auto images = read_pickled_images(file);
        labels.insert(labels.end(), images.labels.begin(), images.labels.end());
        pieces.push_back(bytes_of(images.pixels.data(), {std::ssize(images.labels), 3, kSide, kSide}));
        continue;
      }
      const bool fine =
          file.filename() == "train.bin" || file.filename() == "test.bin";  // CIFAR-100: two labels
      const ColorImages images({file}, find_data_set(fine ? "cifar100" : "cifar10").records);
      auto piece = at::empty({images.size(), 3, kSide, kSide}, at::kByte);
      for (std::int64_t i = 0; i < images.size(); ++i) {
        std::memcpy(piece[i].data_ptr(), images.image(i), ColorImages::kValues);
        labels.push_back(images.labels()[static_cast<std::size_t>(i)]);
      }
      pieces.push_back(std::move(piece));
    }
    examples.inputs = at::cat(pieces);
  }
  examples.labels = at::tensor(at::ArrayRef<std::int64_t>(labels), at::kLong);
  return examples;
}

// ---- tensors

/// A stored tensor as at::Tensor of its own type. Throws Error (data) for types that LibTorch has not.
at::Tensor read_tensor(const SafetensorsFile& file, const std::string& path, const std::string& name) {
  static constexpr std::array<std::pair<ElementType, at::ScalarType>, 10> kTypes{
      {{ElementType::kF32, at::kFloat},
       {ElementType::kF64, at::kDouble},
       {ElementType::kF16, at::kHalf},
       {ElementType::kBF16, at::kBFloat16},
       {ElementType::kI64, at::kLong},
       {ElementType::kI32, at::kInt},
       {ElementType::kI16, at::kShort},
       {ElementType::kI8, at::kChar},
       {ElementType::kU8, at::kByte},
       {ElementType::kBool, at::kBool}}};
  const auto& stored = file.tensor(name);
  const auto* type = std::ranges::find(kTypes, stored.type, [](const auto& pair) { return pair.first; });
  if (type == kTypes.end()) {
    fail(ExitCode::kData, "{}: '{}' is of type {}. HINT: float32 for inputs, int64 for labels", path, name,
         element_name(stored.type));
  }
  auto tensor = at::empty(stored.shape, at::TensorOptions().dtype(type->second));
  if (!stored.bytes.empty()) std::memcpy(tensor.data_ptr(), stored.bytes.data(), stored.bytes.size());
  return tensor;
}

/// [n] whole numbers.
at::Tensor read_whole(const SafetensorsFile& file, const std::string& path, const std::string& name,
                      std::int64_t count) {
  const auto tensor = read_tensor(file, path, name);
  if (tensor.dim() != 1 || tensor.size(0) != count || tensor.is_floating_point()) {
    fail(ExitCode::kData,
         "{}: '{}' has the shape {} and the type {}. HINT: {} whole numbers, one an input (int64)", path,
         name, fmt::format("[{}]", fmt::join(tensor.sizes(), ", ")), at::toString(tensor.scalar_type()),
         count);
  }
  return tensor.to(at::kLong);
}

OwnExamples read_examples(const SafetensorsFile& file, const std::string& path, const std::string& prefix) {
  OwnExamples examples;
  const auto inputs = read_tensor(file, path, prefix + "inputs");
  if (inputs.dim() < 2 || inputs.numel() == 0) {
    fail(ExitCode::kData, "{}: '{}inputs' has the shape [{}]. HINT: [examples, ...], with numbers in each",
         path, prefix, fmt::join(inputs.sizes(), ", "));
  }
  examples.inputs = inputs.to(at::kFloat);
  if (!examples.inputs.isfinite().all().item<bool>())
    fail(ExitCode::kData, "{}: '{}inputs' holds a NaN or an infinite number", path, prefix);
  examples.labels = read_whole(file, path, prefix + "labels", examples.inputs.size(0));
  return examples;
}

at::Tensor index_of(std::span<const std::int32_t> numbers) {
  const std::vector<std::int64_t> which(numbers.begin(), numbers.end());
  return at::tensor(at::ArrayRef<std::int64_t>(which), at::kLong);
}

/// The examples of these numbers, as they are stored.
OwnExamples rows_of(const OwnExamples& examples, std::span<const std::int32_t> numbers) {
  const auto index = index_of(numbers);
  return {examples.inputs.index_select(0, index), examples.labels.index_select(0, index)};
}

}  // namespace

OwnExamples OwnData::chosen(const OwnExamples& from, std::span<const std::int32_t> which) const {
  auto examples = rows_of(from, which);
  if (mean.defined()) examples.inputs = examples.inputs.to(at::kFloat).sub_(mean).div_(deviation);
  return examples;
}

OwnData load_images(const std::string& folder) {
  const auto files = find_images(folder);
  OwnData data{read_images(files, files.train), read_images(files, files.test), 0, {}, {}, {}};
  const auto where = files.train[0].parent_path().string();
  if (data.train.inputs[0].sizes() != data.test.inputs[0].sizes())
    fail(ExitCode::kData, "{}: training and test images are of different sizes", where);
  count_classes(data, where);
  // A channel at a time: the bytes of all as doubles would be eight times the data.
  const auto channels = data.train.inputs.size(1);
  data.mean = at::empty({channels, 1, 1}, at::kFloat);
  data.deviation = at::empty({channels, 1, 1}, at::kFloat);
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto counts = at::bincount(data.train.inputs.select(1, c).flatten(), {}, 256).to(at::kDouble);
    const auto values = at::arange(256, at::kDouble), shares = counts / counts.sum();
    const double mean = (shares * values).sum().item<double>();
    const double variance = (shares * (values - mean).square()).sum().item<double>();
    data.mean[c].fill_(mean);
    data.deviation[c].fill_(variance > 0 ? std::sqrt(variance) : 1.0);
  }
  auto all = files.train;
  all.insert(all.end(), files.test.begin(), files.test.end());
  data.facts = {{"data", where}, {"data_check", "as they are"}, {"data_sha256", hash_of(all)}};
  return data;
}

OwnData load_tensors(const std::string& path) {
  if (fs::is_directory(path)) {
    fail(ExitCode::kData,
         "{} is a folder. HINT: task=images reads a folder; task=tensors a file, as "
         "safetensors.torch.save_file({{'inputs': x, 'labels': y}}, 'data.safetensors') writes it",
         path);
  }
  const SafetensorsFile file(path);
  OwnData data;
  data.train = read_examples(file, path, "");
  at::Tensor clients;
  if (file.tensors().contains("clients")) clients = read_whole(file, path, "clients", data.train.size());
  std::string test = "test_inputs and test_labels";
  if (file.tensors().contains("test_inputs")) {
    data.test = read_examples(file, path, "test_");
  } else {
    test = "a tenth of the examples, drawn once";
    ShardingOptions tenth;
    tenth.held_out = 0.1;
    const std::vector<std::uint8_t> alike(static_cast<std::size_t>(data.train.size()), 0);
    const Sharding split(alike, tenth, 1, 1, 0);
    if (split.held_out().empty())
      fail(ExitCode::kData, "{}: {} examples are too few for a test set. HINT: test_inputs and test_labels",
           path, data.train.size());
    std::vector<std::int32_t> rest(split.shard(0).begin(), split.shard(0).end());
    std::ranges::sort(rest);
    data.test = rows_of(data.train, split.held_out());
    if (clients.defined()) clients = clients.index_select(0, index_of(rest));
    data.train = rows_of(data.train, rest);
  }
  if (data.train.inputs[0].sizes() != data.test.inputs[0].sizes())
    fail(ExitCode::kData, "{}: inputs and test_inputs have examples of different shapes", path);
  count_classes(data, path);
  if (clients.defined()) {
    const auto ranks = std::get<1>(at::_unique(clients, true, true)).to(at::kInt).contiguous();
    data.clients.assign(ranks.data_ptr<std::int32_t>(), ranks.data_ptr<std::int32_t>() + ranks.numel());
  }
  data.facts = {
      {"data", path}, {"data_check", "as they are"}, {"data_sha256", hash_of({path})}, {"data_test", test}};
  return data;
}

}  // namespace laser
