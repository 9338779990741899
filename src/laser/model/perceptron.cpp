#include "laser/model/perceptron.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "laser/core/fail.hpp"
#include "laser/core/random.hpp"

namespace laser {

Perceptron::Perceptron(std::int64_t inputs, const std::vector<std::int64_t>& hidden, std::int64_t classes) {
  for (std::size_t l = 0; l < hidden.size(); ++l) {
    const auto name = hidden.size() == 1 ? std::string("hidden") : fmt::format("hidden.{}", l + 1);
    layout_.add(name + ".weight", {hidden[l], inputs});
    layout_.add(name + ".bias", {hidden[l]});
    inputs = hidden[l];
  }
  layout_.add("output.weight", {classes, inputs});
  layout_.add("output.bias", {classes});
}

at::Tensor Perceptron::part(const at::Tensor& flat, std::size_t index) const {
  const auto& layer = layout_.layers[index];
  const auto numbers = flat.narrow(-1, layer.offset, layer.size);
  return index % 2 == 0 ? numbers.unflatten(-1, {layer.rows, layer.columns}) : numbers;
}

void Perceptron::initialise(at::Tensor& parameters, std::uint64_t seed) const {
  LASER_CHECK(parameters.numel() == layout_.size && parameters.is_contiguous());
  float* numbers = parameters.data_ptr<float>();
  for (std::size_t l = 0; l < layout_.layers.size(); ++l) {
    const auto& layer = layout_.layers[l];
    const double bound = 1 / std::sqrt(static_cast<double>(layout_.layers[l - l % 2].columns));
    const StreamKey key{seed, Purpose::kInitialWeights, 0, static_cast<std::uint32_t>(l), 0};
    for (std::int64_t j = 0; j < layer.size; ++j) {
      const double uniform = random_uniform(key, static_cast<std::uint64_t>(j));
      numbers[layer.offset + j] = static_cast<float>(bound * (2 * uniform - 1));
    }
  }
}

std::vector<at::Tensor> Perceptron::forward(const at::Tensor& parameters, const at::Tensor& inputs) const {
  std::vector<at::Tensor> layers{inputs};
  const auto count = layout_.layers.size();
  for (std::size_t l = 0; l < count; l += 2) {
    const auto weight = part(parameters, l), bias = part(parameters, l + 1);
    auto next = parameters.dim() == 2 ? at::baddbmm(bias.unsqueeze(1), layers.back(), weight.transpose(1, 2))
                                      : at::addmm(bias, layers.back(), weight.t());
    layers.push_back(l + 2 < count ? next.relu_() : next);
  }
  return layers;
}

void Perceptron::gradients(const at::Tensor& parameters, const LabelledRows& examples, at::Tensor& gradients,
                           std::span<double> losses) const {
  const auto workers = examples.inputs.size(0), count = examples.inputs.size(1);
  LASER_CHECK(gradients.size(0) == workers && losses.size() == static_cast<std::size_t>(workers));
  const bool own = parameters.dim() == 2;  // models
  LASER_CHECK(!own || parameters.size(0) == workers);
  auto layers = forward(parameters, own ? examples.inputs : examples.inputs.flatten(0, 1));
  if (own) {
    for (auto& layer : layers) layer = layer.flatten(0, 1);
  }  // [K n, ...]
  const auto logs = at::log_softmax(layers.back(), 1);
  const auto labels = examples.labels.flatten().unsqueeze(1);
  const auto loss = logs.gather(1, labels).view({workers, count}).to(at::kDouble).mean(1).neg();
  for (std::int64_t i = 0; i < workers; ++i) losses[static_cast<std::size_t>(i)] = loss.data_ptr<double>()[i];

  // d loss / d scores = (softmax - one-hot) / n, and back through the layers.
  auto errors = logs.exp();
  errors.scatter_add_(1, labels, at::full_like(labels, -1, errors.options()));
  errors.div_(static_cast<double>(count));
  const auto batch = [&](const at::Tensor& rows) { return rows.view({workers, count, -1}); };
  for (std::size_t l = layout_.layers.size() - 2;; l -= 2) {
    const auto& inputs = layers[l / 2];
    part(gradients, l).copy_(at::bmm(batch(errors).transpose(1, 2), batch(inputs)));
    part(gradients, l + 1).copy_(batch(errors).sum(1));
    if (l == 0) break;
    const auto weight = part(parameters, l);
    errors = own ? at::bmm(batch(errors), weight).flatten(0, 1) : at::mm(errors, weight);
    errors.mul_(inputs.gt(0));
  }
}

Evaluation Perceptron::evaluate(const at::Tensor& parameters, const LabelledRows& examples) const {
  const auto scores = forward(parameters, examples.inputs).back();
  const auto correct = scores.argmax(1).eq(examples.labels).sum().item<std::int64_t>();
  const auto loss =
      at::log_softmax(scores, 1).gather(1, examples.labels.unsqueeze(1)).to(at::kDouble).mean().neg();
  return {100.0 * static_cast<double>(correct) / static_cast<double>(examples.inputs.size(0)),
          loss.item<double>()};
}

}  // namespace laser
