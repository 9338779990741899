#include "gpt2_weights.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/ranges.h>

#include <string_view>

#include "laser/core/fail.hpp"

namespace laser {
namespace {

constexpr std::string_view kPrefix = "transformer.";
constexpr const char* kHead = "lm_head.weight";
constexpr const char* kHint = "HINT: the file must hold the weights of a GPT-2 language model with tied head";

/// Matrices inside blocks: stored as [inputs, outputs].
bool is_transposed(const Layer& layer) { return layer.is_matrix() && layer.name.starts_with("h."); }

Shape stored_shape(const Layer& layer) {
  return is_transposed(layer) ? Shape{layer.shape[1], layer.shape[0]} : layer.shape;
}

/// The causal masks that some files carry: h.N.attn.bias and h.N.attn.masked_bias.
bool is_mask(std::string_view name) {
  return name.starts_with("h.") && (name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias"));
}

/// The weights without prefix and without masks.
NamedWeights plain_names(const NamedWeights& weights) {
  NamedWeights plain;
  for (const auto& [name, tensor] : weights) {
    const bool prefixed = name.starts_with(kPrefix);
    const auto rest = prefixed ? name.substr(kPrefix.size()) : name;
    if (is_mask(rest)) continue;
    if (!plain.emplace(rest, tensor).second)
      fail(ExitCode::kData, "the weights hold '{}' with and without the prefix '{}'", rest, kPrefix);
  }
  return plain;
}

at::Tensor tensor_of(const NamedWeights& weights, const std::string& name, std::int64_t dimensions) {
  const auto found = weights.find(name);
  if (found == weights.end()) fail(ExitCode::kData, "the weights lack the tensor '{}'. {}", name, kHint);
  if (found->second.dim() != dimensions) {
    fail(ExitCode::kData, "the tensor '{}' has {} dimensions: a GPT-2's has {}. {}", name,
         found->second.dim(), dimensions, kHint);
  }
  return found->second;
}

}  // namespace

Gpt2Size gpt2_size_of(const NamedWeights& weights) {
  const auto plain = plain_names(weights);
  Gpt2Size size;
  const auto embedding = tensor_of(plain, "wte.weight", 2);
  size.vocabulary = embedding.size(0);
  size.width = embedding.size(1);
  size.context = tensor_of(plain, "wpe.weight", 2).size(0);
  size.biases = plain.contains("ln_f.bias");
  size.layers = 0;
  while (plain.contains(fmt::format("h.{}.ln_1.weight", size.layers))) ++size.layers;
  if (size.layers == 0) fail(ExitCode::kData, "the weights lack the tensor 'h.0.ln_1.weight'. {}", kHint);
  return size;
}

void import_gpt2(const NamedWeights& weights, const Gpt2Size& size, const at::Tensor& parameters) {
  const auto layout = gpt2_layout(size);
  LASER_CHECK(parameters.dim() == 1 && parameters.numel() == layout.size);
  auto plain = plain_names(weights);
  const at::NoGradGuard no_grad;
  if (const auto head = plain.find(kHead); head != plain.end()) {
    const auto embedding = plain.find("wte.weight");
    if (embedding != plain.end() && !head->second.equal(embedding->second))
      fail(ExitCode::kData, "the tensor '{}' differs from 'wte.weight': a head of its own is not supported",
           kHead);
    plain.erase(head);
  }
  // All of them are checked before the first is written.
  for (const auto& layer : layout.layers) {
    const auto tensor = tensor_of(plain, layer.name, static_cast<std::int64_t>(layer.shape.size()));
    const auto wanted = stored_shape(layer);
    if (tensor.sizes() != at::IntArrayRef(wanted)) {
      fail(ExitCode::kData, "the tensor '{}' is [{}]: this model needs [{}]", layer.name,
           fmt::join(tensor.sizes().vec(), ", "), fmt::join(wanted, ", "));
    }
    if (!tensor.is_floating_point())
      fail(ExitCode::kData, "the tensor '{}' does not hold floating-point numbers", layer.name);
  }
  if (plain.size() > layout.layers.size()) {
    for (const auto& layer : layout.layers) plain.erase(layer.name);
    fail(ExitCode::kData, "the weights hold the tensor '{}', which this model does not have",
         plain.begin()->first);
  }
  for (const auto& layer : layout.layers) {
    const auto& tensor = plain.at(layer.name);
    parameters.narrow(0, layer.offset, layer.size)
        .view(layer.shape)
        .copy_(is_transposed(layer) ? tensor.t() : tensor);
  }
}

NamedWeights export_gpt2(const Gpt2Size& size, const at::Tensor& parameters) {
  const auto layout = gpt2_layout(size);
  LASER_CHECK(parameters.dim() == 1 && parameters.numel() == layout.size);
  NamedWeights weights;
  for (const auto& layer : layout.layers) {
    const auto tensor = parameters.detach().narrow(0, layer.offset, layer.size).view(layer.shape);
    weights[layer.name] = (is_transposed(layer) ? tensor.t() : tensor).clone(at::MemoryFormat::Contiguous);
  }
  return weights;
}

}  // namespace laser
