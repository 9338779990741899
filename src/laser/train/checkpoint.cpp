#include "laser/train/checkpoint.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "laser/core/fail.hpp"
#include "laser/record/safetensors.hpp"

namespace laser {
namespace {

constexpr std::pair<at::ScalarType, ElementType> kTypes[] = {{at::kFloat, ElementType::kF32},
                                                             {at::kDouble, ElementType::kF64},
                                                             {at::kBFloat16, ElementType::kBF16},
                                                             {at::kLong, ElementType::kI64}};

}  // namespace

void write_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  StoredTensors stored;
  std::vector<at::Tensor> held;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    held.push_back(tensor.cpu().contiguous());
    const auto& values = held.back();
    const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                    [&](const auto& pair) { return pair.first == values.scalar_type(); });
    LASER_CHECK(type != std::end(kTypes));
    stored[name] = {type->second,
                    values.sizes().vec(),
                    {static_cast<const std::byte*>(values.data_ptr()), values.nbytes()}};
  }
  write_safetensors(path, stored, checkpoint.texts, Checksums::kSha256);
}

Checkpoint read_checkpoint(const std::string& path) {
  const SafetensorsFile file(path);
  file.verify_checksums();
  Checkpoint checkpoint;
  checkpoint.texts = file.metadata();
  for (const auto& entry : file.tensors()) {  // a lambda of clang 14 can't name parts of a structured binding
    const auto& name = entry.first;
    const auto& stored = entry.second;
    const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                    [&](const auto& pair) { return pair.second == stored.type; });
    if (type == std::end(kTypes)) {
      fail(ExitCode::kData, "{}: tensor '{}' is of type {}, which no checkpoint holds", path, name,
           element_name(stored.type));
    }
    auto tensor = at::empty(stored.shape, at::TensorOptions().dtype(type->first));
    if (!stored.bytes.empty()) std::memcpy(tensor.data_ptr(), stored.bytes.data(), stored.bytes.size());
    checkpoint.tensors[name] = std::move(tensor);
  }
  return checkpoint;
}

void add_tensors(NamedTensors& all, const std::string& prefix, const NamedTensors& part) {
  const auto below = prefix + "/";
  for (const auto& [name, tensor] : part) all[below + name] = tensor;
}

NamedTensors tensors_below(const NamedTensors& all, const std::string& prefix) {
  NamedTensors part;
  for (const auto& [name, tensor] : all) {
    if (name.starts_with(prefix + "/")) part[name.substr(prefix.size() + 1)] = tensor;
  }
  return part;
}

}  // namespace laser
