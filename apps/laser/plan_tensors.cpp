#include "plan_tensors.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <string_view>

#include "laser/core/fail.hpp"
#include "laser/core/input_file.hpp"
#include "laser/model/shapes.hpp"
#include "laser/record/safetensors.hpp"

namespace laser {
namespace {

using Entry = StoredTensors::value_type;

bool is_real(ElementType type) {
  return type == ElementType::kF16 || type == ElementType::kBF16 || type == ElementType::kF32 ||
         type == ElementType::kF64;
}

/// The parts of "a.b.c", in lower case.
std::vector<std::string> parts_of(const std::string& name) {
  std::vector<std::string> parts{""};
  for (const char c : name) {
    if (c == '.' || c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return parts;
}

/// Why a name is not one of a parameter; empty where it may be.
std::string reason_by_name(const std::string& name) {
  const auto parts = parts_of(name);
  const auto& last = parts.back();
  const auto any_of = [](const std::string& word, std::initializer_list<std::string_view> words) {
    return std::ranges::find(words, word) != words.end();
  };
  if (any_of(last, {"running_mean", "running_var", "num_batches_tracked", "moving_mean", "moving_variance"}))
    return "running statistics";
  if (last.find("mask") != std::string::npos) return "a mask";
  if (any_of(last, {"inv_freq", "position_ids", "cos_cached", "sin_cached", "relative_position_index"}))
    return "a fixed table";
  for (const auto& part : parts) {
    if (any_of(part, {"ema", "ema_model", "model_ema", "ema_statistics", "statistics"})) return "an average";
    if (any_of(part, {"optimizer", "exp_avg", "exp_avg_sq"})) return "an optimizer's state";
  }
  return "";
}

/// Whether a tensor is one number on and below the diagonal of its last two dimensions and another above: the
/// mask that lets a token see no later ones.
bool is_causal_mask(const StoredTensor& tensor) {
  const auto& shape = tensor.shape;
  if (shape.size() < 2 || shape.back() < 2 || shape[shape.size() - 2] != shape.back()) return false;
  const auto side = static_cast<std::size_t>(shape.back()), width = element_bytes(tensor.type);
  const auto element = [&](std::size_t i) { return tensor.bytes.data() + i * width; };
  const auto equal = [&](std::size_t i, std::size_t j) {
    return std::memcmp(element(i), element(j), width) == 0;
  };
  if (equal(0, 1)) return false;
  const std::size_t count = tensor.bytes.size() / width;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t row = i / side % side, column = i % side;
    if (!equal(i, column <= row ? 0 : 1)) return false;
  }
  return true;
}

/// Whether all numbers are the same, as of a tensor that starts at 0 or 1.
bool is_constant(const StoredTensor& tensor) {
  const auto width = element_bytes(tensor.type);
  return tensor.bytes.size() <= width ||
         std::memcmp(tensor.bytes.data(), tensor.bytes.data() + width, tensor.bytes.size() - width) == 0;
}

}  // namespace

PlannedTensors read_parameters(const std::string& path, const PlanFilter& filter) {
  if (!is_there(path))
    fail(ExitCode::kData, "can't read {}. HINT: pass a model name or the path of a .safetensors file", path);
  const SafetensorsFile file(path);
  std::vector<const Entry*> order;
  for (const auto& tensor : file.tensors()) order.push_back(&tensor);
  std::ranges::stable_sort(order, {}, [](const Entry* tensor) { return tensor->second.bytes.data(); });
  PlannedTensors planned;
  std::vector<const Entry*> kept;
  const auto twin_of = [&](const Entry& entry) -> const Entry* {
    for (const auto* other : kept) {
      const auto &a = entry.second, &b = other->second;
      if (a.type == b.type && a.shape == b.shape && a.shape.size() > 1 && !is_constant(a) &&
          std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0)
        return other;
    }
    return nullptr;
  };
  const auto reason = [&](const Entry& entry) -> std::string {
    const auto& [name, tensor] = entry;
    for (const auto& text : filter.skip)
      if (name.find(text) != std::string::npos) return "--skip " + text;
    if (!is_real(tensor.type)) return "whole numbers";
    if (tensor.bytes.empty()) return "empty";
    if (filter.all) return "";
    if (const auto by_name = reason_by_name(name); !by_name.empty()) return by_name;
    if (is_causal_mask(tensor)) return "a mask";
    const auto* twin = twin_of(entry);
    return twin == nullptr ? "" : "the same numbers as " + twin->first;
  };
  for (const auto* entry : order) {
    if (const auto why = reason(*entry); !why.empty()) {
      planned.left_out.emplace_back(entry->first, why);
      continue;
    }
    kept.push_back(entry);
    planned.layout.add(entry->first, entry->second.shape);
  }
  if (planned.layout.layers.empty()) {
    fail(
        ExitCode::kData,
        "{} holds no parameter: {} tensor(s), all left out{}. HINT: --all-tensors counts them", path,
        order.size(),
        order.empty() ? "" : fmt::format(" ({}: {})", planned.left_out[0].first, planned.left_out[0].second));
  }
  return planned;
}

PlannedTensors planned_tensors(const std::string& model, const PlanFilter& filter) {
  if (model.ends_with(".safetensors")) return read_parameters(model, filter);
  return {model_layout(model == "resnet18" ? "resnet18_cifar10" : model), {}};
}

}  // namespace laser
