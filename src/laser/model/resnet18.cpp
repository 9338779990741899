#include "laser/model/resnet18.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <tuple>

#include "laser/core/fail.hpp"
#include "laser/core/random.hpp"
#include "laser/model/pieces.hpp"
#include "laser/model/shapes.hpp"
#include "laser/model/worker_batch_norm.hpp"

namespace laser {
namespace {

/// Pixels that one thread takes through the network together, 16 images of 32 x 32: fewer cost time in calls,
/// more fall out of the caches.
constexpr std::int64_t kPixelsAtOnce = 16 * 32 * 32;

constexpr std::size_t kBlocks = 8;

/// Blocks 2, 4 and 6 (from 0) halve the image and double the channels, with a convolution on the shortcut.
constexpr bool widens(std::size_t block) { return block >= 2 && block % 2 == 0; }

Layout statistics_of(const Layout& parameters) {
  Layout buffers;
  for (std::size_t l = 0; l + 1 < parameters.layers.size(); ++l) {
    const auto& layer = parameters.layers[l];
    // Only BatchNorm has a 1-D weight.
    if (layer.is_matrix() || !layer.name.ends_with(".weight")) continue;
    const auto name = layer.name.substr(0, layer.name.size() - std::string(".weight").size());
    buffers.add(name + ".running_mean", layer.shape);
    buffers.add(name + ".running_var", layer.shape);
  }
  return buffers;
}

}  // namespace

/// The way of several workers' images through the network, and back with their gradients.
class ResNet18::Pass {
 public:
  /// `weights`: convolution_weights() of `parameters`. Training: each worker normalizes with its own batch,
  /// and its row of `buffers` [K, B] moves; evaluation: with row 0, which stays.
  Pass(const ResNet18& model, const std::vector<at::Tensor>& weights, const at::Tensor& parameters,
       const at::Tensor& buffers, bool training)
      : model_(model), weights_(weights), parameters_(parameters), buffers_(buffers), training_(training) {
    LASER_CHECK(buffers.dim() == 2 && buffers.size(1) == model.buffer_layout_.size);
    std::size_t layer = 3, norm = 1;  // of the block; a convolution and its BatchNorm are three tensors
    for (std::size_t i = 0; i < kBlocks; ++i) {
      blocks_[i].first = Unit(layer, norm, widens(i) ? 2 : 1);
      blocks_[i].second = Unit(layer + 3, norm + 1);
      blocks_[i].shortcut = Unit(layer + 6, norm + 2, 2, false);
      layer += widens(i) ? 9 : 6;
      norm += widens(i) ? 3 : 2;
    }
    linear_ = layer;
  }

  /// Logits [n, classes], in the parameters' type, of images [n, 3, s, s].
  at::Tensor logits(const at::Tensor& images) {
    auto x = forward(stem_, images.to(weights_[0].scalar_type()).contiguous(format()), {});
    for (std::size_t i = 0; i < kBlocks; ++i) {
      auto& block = blocks_[i];
      const auto shortcut = widens(i) ? forward(block.shortcut, x, {}) : x;
      x = forward(block.second, forward(block.first, x, {}), shortcut);
    }
    size_ = x.size(2);
    pooled_ = x.mean({2, 3}).to(parameters_.scalar_type());
    return at::linear(pooled_, parameter(linear_), parameter(linear_ + 1));
  }

  /// Writes all gradients to `rows` [K, d], from those of the logits.
  void backward(const at::Tensor& logits_gradient, const at::Tensor& rows) {
    const auto workers = rows.size(0);
    const auto by_logits = logits_gradient.view({workers, -1, logits_gradient.size(1)});
    gradient_of(rows, linear_)
        .copy_(at::bmm(by_logits.transpose(1, 2), pooled_.view({workers, -1, pooled_.size(1)})));
    gradient_of(rows, linear_ + 1).copy_(by_logits.sum(1));
    const auto by_pooled =
        logits_gradient.mm(parameter(linear_)).div_(size_ * size_).to(weights_[0].scalar_type());
    auto gradient = by_pooled.unsqueeze(2).unsqueeze(3).expand({-1, -1, size_, size_}).contiguous(format());
    for (std::size_t i = kBlocks; i-- > 0;) {
      auto& block = blocks_[i];
      // `gradient` becomes that of the sum before the last ReLU, which goes both ways.
      auto before = backward(block.first, backward(block.second, gradient, rows), rows);
      before.add_(widens(i) ? backward(block.shortcut, gradient, rows) : gradient);
      gradient = before;
    }
    (void)backward(stem_, gradient, rows);
  }

 private:
  /// A convolution and its normalization, with what backward needs of them.
  struct Unit {
    explicit Unit(std::size_t layer_index = 0, std::size_t norm_number = 0, std::int64_t step = 1,
                  bool with_relu = true)
        : layer(layer_index), norm(norm_number), stride(step), relu(with_relu) {}
    std::size_t layer;  // the convolution's weight in the layout; weight and bias of its BatchNorm follow
    std::size_t norm;   // number of the BatchNorm
    std::int64_t stride;
    bool relu;
    at::Tensor input, convolved, output;
    at::Tensor mean, inverse_deviation;
  };
  struct Block {
    Unit first, second, shortcut;
  };

  [[nodiscard]] at::MemoryFormat format() const {
    return model_.options_.channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  }

  [[nodiscard]] at::Tensor parameter(std::size_t l) const {
    const auto& layer = model_.layout_.layers[l];
    return parameters_.narrow(0, layer.offset, layer.size).view(layer.shape);
  }

  /// The part of all workers' rows that belongs to tensor l, [K, ...].
  [[nodiscard]] at::Tensor gradient_of(const at::Tensor& rows, std::size_t l) const {
    const auto& layer = model_.layout_.layers[l];
    return rows.narrow(1, layer.offset, layer.size).unflatten(1, layer.shape);
  }

  [[nodiscard]] WorkerBatchNorm batch_norm(const Unit& unit) const {
    const auto statistic = [&](std::size_t index) {
      const auto& layer = model_.buffer_layout_.layers[index];
      return buffers_.narrow(1, layer.offset, layer.size);
    };
    return {.weight = parameter(unit.layer + 1),
            .bias = parameter(unit.layer + 2),
            .running_mean = statistic(2 * unit.norm),
            .running_variance = statistic(2 * unit.norm + 1),
            .relu = unit.relu};
  }

  at::Tensor forward(Unit& unit, const at::Tensor& x, const at::Tensor& residual) {
    const auto& weight = weights_[unit.layer];
    auto convolved = at::conv2d(x, weight, {}, unit.stride, weight.size(2) / 2);
    const auto norm = batch_norm(unit);
    if (!training_) return norm.evaluate(std::move(convolved), residual);
    unit.input = x;
    unit.convolved = std::move(convolved);
    unit.output = norm.forward(unit.convolved, residual, unit.mean, unit.inverse_deviation);
    return unit.output;
  }

  /// The derivative by the unit's input (undefined for the images) from `gradient`, that by its output, which
  /// becomes the derivative by the residual. Lets go of the activations.
  at::Tensor backward(Unit& unit, const at::Tensor& gradient, const at::Tensor& rows) {
    batch_norm(unit).backward(unit.output, unit.mean, unit.inverse_deviation, gradient, unit.convolved,
                              gradient_of(rows, unit.layer + 1), gradient_of(rows, unit.layer + 2));
    const auto workers = rows.size(0), n = gradient.size(0) / workers;
    const auto by_weight = gradient_of(rows, unit.layer);
    for (std::int64_t k = 0; k < workers; ++k) {
      by_weight[k].copy_(
          weight_gradient(unit, unit.convolved.narrow(0, k * n, n), unit.input.narrow(0, k * n, n)));
    }
    const bool is_stem = unit.layer == 0;
    auto by_input = is_stem
                        ? at::Tensor()
                        : std::get<0>(derivatives(unit, unit.convolved, unit.input, {true, false, false}));
    unit.input = unit.convolved = unit.output = at::Tensor();
    return by_input;
  }

  /// The derivative by the convolution's weight.
  [[nodiscard]] at::Tensor weight_gradient(const Unit& unit, const at::Tensor& gradient,
                                           const at::Tensor& input) const {
    const auto& weight = weights_[unit.layer];
    if (weight.size(2) > 1) return std::get<1>(derivatives(unit, gradient, input, {false, true, false}));
    // A product of two matrices. oneDNN's own way (3.12, 1x1 with stride and channels-last, AVX-512) crashes
    // on odd batches where it has several threads.
    const auto seen = input.slice(2, 0, std::nullopt, unit.stride).slice(3, 0, std::nullopt, unit.stride);
    const auto pixels = [](const at::Tensor& x) { return x.permute({0, 2, 3, 1}).reshape({-1, x.size(1)}); };
    return pixels(gradient).t().mm(pixels(seen)).view(weight.sizes());
  }

  /// The derivatives by input and weight of a convolution that `wanted` asks for.
  [[nodiscard]] std::tuple<at::Tensor, at::Tensor, at::Tensor> derivatives(const Unit& unit,
                                                                           const at::Tensor& gradient,
                                                                           const at::Tensor& input,
                                                                           std::array<bool, 3> wanted) const {
    const auto& weight = weights_[unit.layer];
    const auto padding = weight.size(2) / 2;
    return at::convolution_backward(gradient, input, weight, at::OptionalIntArrayRef(),
                                    {unit.stride, unit.stride}, {padding, padding}, {1, 1}, false, {0, 0}, 1,
                                    wanted);
  }

  const ResNet18& model_;
  const std::vector<at::Tensor>& weights_;
  const at::Tensor& parameters_;
  const at::Tensor buffers_;
  bool training_;
  Unit stem_;
  std::array<Block, kBlocks> blocks_;
  std::size_t linear_;
  std::int64_t size_ = 0;  // of the last images, in pixels
  at::Tensor pooled_;      // [n, 8 width]
};

ResNet18::ResNet18(std::int64_t classes, std::int64_t width, ResNet18Options options)
    : layout_(resnet18_layout(classes, width)), buffer_layout_(statistics_of(layout_)), options_(options) {}

void ResNet18::initialise(const at::Tensor& parameters, std::uint64_t seed) const {
  LASER_CHECK(parameters.dim() == 1 && parameters.numel() == layout_.size);
  auto values = at::empty({layout_.size}, at::kFloat);
  for (std::size_t l = 0; l < layout_.layers.size(); ++l) {
    const auto& layer = layout_.layers[l];
    float* first = values.data_ptr<float>() + layer.offset;
    const bool last = l + 1 == layout_.layers.size();  // the bias of the linear layer
    if (!layer.is_matrix() && !last) {
      std::fill_n(first, layer.size, layer.name.ends_with(".weight") ? 1.0f : 0.0f);
      continue;
    }
    const auto fan_in = last ? layout_.layers[l - 1].columns : layer.columns;
    const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
    const StreamKey key{seed, Purpose::kInitialWeights, 0, static_cast<std::uint32_t>(l), 0};
    for (std::int64_t j = 0; j < layer.size; ++j) {
      const double uniform = random_uniform(key, static_cast<std::uint64_t>(j));
      first[j] = static_cast<float>(bound * (2 * uniform - 1));
    }
  }
  const at::NoGradGuard no_grad;
  parameters.copy_(values);
}

at::Tensor ResNet18::initial_buffers() const {
  auto buffers = at::zeros({buffer_layout_.size}, at::kFloat);
  for (const auto& layer : buffer_layout_.layers) {
    if (layer.name.ends_with(".running_var")) buffers.narrow(0, layer.offset, layer.size).fill_(1.0);
  }
  return buffers;
}

double ResNet18::activation_bytes(std::int64_t workers, std::int64_t n, std::int64_t side,
                                  std::int64_t threads) const {
  constexpr double number = 4;  // in bfloat16 as well: processors without it convolve in floats on the side
  const auto group = std::clamp<std::int64_t>(kPixelsAtOnce / (n * side * side), 1, workers);
  const auto at_once = static_cast<double>(std::min((workers + group - 1) / group, threads));
  // What each convolution and each BatchNorm makes: of stage s, a quarter of the pixels and twice the
  // channels of the one before, 10 (the first: with the stem) of them.
  const auto width = static_cast<double>(layout_.layers[0].rows), pixels = static_cast<double>(side * side);
  const double kept = 10 * width * pixels * (1 + 1.0 / 2 + 1.0 / 4 + 1.0 / 8);
  // An evaluation keeps nothing: input, output and residual of a convolution of the first
  // stage, at 50 images.
  const double evaluation = 50 * 4 * width * pixels;
  const double images = static_cast<double>(group * n);
  const double weights = static_cast<double>(layout_.size);
  return number * (at_once * std::max(images * (kept + 2 * width * pixels), evaluation) + weights);
}

std::vector<at::Tensor> ResNet18::convolution_weights(const at::Tensor& parameters) const {
  LASER_CHECK(parameters.dim() == 1 && parameters.numel() == layout_.size && parameters.is_contiguous());
  const auto format = options_.channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  const auto type = options_.bfloat16 ? at::kBFloat16 : parameters.scalar_type();
  std::vector<at::Tensor> weights;
  for (const auto& layer : layout_.layers) {
    const bool convolution = layer.shape.size() == 4;
    const auto weight = parameters.narrow(0, layer.offset, layer.size);
    weights.push_back(convolution ? weight.view(layer.shape).to(type).contiguous(format) : at::Tensor());
  }
  return weights;
}

void ResNet18::gradients(const at::Tensor& parameters, const LabelledImages& batches,
                         const at::Tensor& buffers, const at::Tensor& gradients,
                         std::span<double> losses) const {
  const at::NoGradGuard no_grad;
  const auto workers = gradients.size(0), examples = batches.labels.size(0);
  LASER_CHECK(gradients.size(1) == layout_.size && buffers.size(0) == workers && workers > 0 &&
              examples > 0 && losses.size() == static_cast<std::size_t>(workers) && examples % workers == 0 &&
              batches.images.size(0) == examples);
  const auto n = examples / workers;
  const bool own = parameters.dim() == 2;  // models, which convolutions can't have in common
  const auto common = own ? std::vector<at::Tensor>() : convolution_weights(parameters);
  const bool on_cpu = parameters.is_cpu();
  const auto pixels = batches.images.size(2) * batches.images.size(3);
  const auto most = own ? 1 : workers;
  const auto group = on_cpu ? std::clamp<std::int64_t>(kPixelsAtOnce / (n * pixels), 1, most) : most;
  auto results = at::empty({workers}, parameters.options());
  for_each_on_one_thread(static_cast<std::size_t>((workers + group - 1) / group), on_cpu, [&](std::size_t i) {
    const at::NoGradGuard no_grad_here;  // a setting of the thread
    const auto first = static_cast<std::int64_t>(i) * group, count = std::min(group, workers - first);
    const auto labels = batches.labels.narrow(0, first * n, count * n).unsqueeze(1);
    const auto model = own ? parameters[first] : parameters;
    const auto weights = own ? convolution_weights(model) : common;
    Pass pass(*this, weights, model, buffers.narrow(0, first, count), true);
    const auto log_probabilities =
        at::log_softmax(pass.logits(batches.images.narrow(0, first * n, count * n)), 1);
    results.narrow(0, first, count)
        .copy_(log_probabilities.gather(1, labels).view({count, n}).mean(1).neg_());
    const auto by_logits =
        log_probabilities.exp().scatter_add_(1, labels, at::full_like(labels, -1, parameters.options()));
    pass.backward(by_logits.div_(n), gradients.narrow(0, first, count));
  });
  // Read only now: on a GPU the first read waits for everything.
  const auto values = results.to(at::kCPU, at::kDouble);
  std::copy_n(values.const_data_ptr<double>(), workers, losses.begin());
}

Evaluation ResNet18::evaluate(const at::Tensor& parameters, const at::Tensor& buffers,
                              const LabelledImages& examples, std::int64_t batch_size) const {
  const at::NoGradGuard no_grad;
  const auto count = examples.labels.size(0);
  LASER_CHECK(count > 0 && batch_size > 0);
  const auto pieces = (count + batch_size - 1) / batch_size;
  const auto weights = convolution_weights(parameters);
  const auto options = parameters.options().dtype(at::kDouble);
  auto losses = at::empty({pieces}, options), correct = at::empty({pieces}, options);
  for_each_on_one_thread(static_cast<std::size_t>(pieces), parameters.is_cpu(), [&](std::size_t i) {
    const at::NoGradGuard no_grad_here;
    const auto piece = static_cast<std::int64_t>(i), first = piece * batch_size;
    const auto size = std::min(batch_size, count - first);
    const auto labels = examples.labels.narrow(0, first, size);
    Pass pass(*this, weights, parameters, buffers.unsqueeze(0), false);
    const auto logits = pass.logits(examples.images.narrow(0, first, size)).to(at::kDouble);
    losses[piece].copy_(at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum));
    correct[piece].copy_(logits.argmax(1).eq(labels).sum());
  });
  const auto total = static_cast<double>(count);
  return {.accuracy = 100.0 * correct.sum().item().toDouble() / total,
          .loss = losses.sum().item().toDouble() / total};
}

}  // namespace laser
