#include "laser/model/resnet18.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <string>
#include <vector>

#include "laser/core/error.hpp"
#include "laser/core/random.hpp"
#include "laser/kernels/parallel.hpp"
#include "laser/model/autocast.hpp"
#include "laser/model/bound_parameters.hpp"
#include "laser/model/shapes.hpp"

namespace laser {
namespace {

constexpr double kMomentum = 0.1;
constexpr double kEpsilon = 1e-5;

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

/// Runs `work(i)` for each i: on the CPU every piece on one thread, several pieces at a time. What a piece
/// throws is thrown here.
template <class Work>
void for_each(std::size_t count, bool on_cpu, const Work& work) {
  std::vector<std::exception_ptr> failures(count);
  for_each_piece(
      count,
      [&](std::size_t i) {
        try {
          if (on_cpu) {
            (void)at::get_num_threads();
            use_one_thread();
          }
          work(i);
        } catch (...) {
          failures[i] = std::current_exception();
        }
      },
      on_cpu);
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

}  // namespace

/// One walk through the network: takes tensors and statistics in the order of the layout.
class ResNet18::Pass {
 public:
  Pass(const ResNet18& model, const BoundParameters& parameters, const at::Tensor& buffers, bool training)
      : model_(model), parameters_(parameters), buffers_(buffers), training_(training) {
    LASER_CHECK(buffers.dim() == 1 && buffers.numel() == model.buffer_layout_.size);
  }

  /// Logits [n, classes] of images [n, 3, 32, 32].
  at::Tensor logits(const at::Tensor& images) {
    auto x = images.contiguous(format());
    x = normalised(convolution(x, 1)).relu_();
    for (int stage = 1; stage <= 4; ++stage) {
      for (int block = 0; block < 2; ++block) x = basic_block(x, stage > 1 && block == 0);
    }
    x = x.mean({2, 3});
    const auto& weight = parameters_[next_];
    const auto& bias = parameters_[next_ + 1];
    return at::linear(x, weight, bias);
  }

 private:
  [[nodiscard]] at::MemoryFormat format() const {
    return model_.options_.channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  }

  at::Tensor convolution(const at::Tensor& x, std::int64_t stride) {
    // Converted here once: the convolution would do it in forward and again in backward.
    const auto weight = parameters_[next_++].contiguous(format());
    return at::conv2d(x, weight, {}, stride, weight.size(2) / 2);
  }

  at::Tensor normalised(const at::Tensor& x) {
    const auto& weight = parameters_[next_++];
    const auto& bias = parameters_[next_++];
    const auto mean = statistic(), variance = statistic();
    return at::batch_norm(x, weight, bias, mean, variance, training_, kMomentum, kEpsilon, true);
  }

  at::Tensor statistic() {
    const auto& layer = model_.buffer_layout_.layers[next_buffer_++];
    return buffers_.narrow(0, layer.offset, layer.size);
  }

  /// relu(bn(conv(relu(bn(conv(x))))) + shortcut(x)); `widens` halves the image and doubles the channels.
  at::Tensor basic_block(const at::Tensor& x, bool widens) {
    const std::int64_t stride = widens ? 2 : 1;
    // In place where autograd needs only the result: memory is what limits these steps.
    auto y = normalised(convolution(x, stride)).relu_();
    y = normalised(convolution(y, 1));
    y.add_(widens ? normalised(convolution(x, stride)) : x);
    return y.relu_();
  }

  const ResNet18& model_;
  const BoundParameters& parameters_;
  const at::Tensor& buffers_;
  bool training_;
  std::size_t next_ = 0;
  std::size_t next_buffer_ = 0;
};

ResNet18::ResNet18(std::int64_t classes, std::int64_t width, ResNet18Options options)
    : layout_(resnet18_layout(classes, width)),
      buffer_layout_(statistics_of(layout_)),
      options_(options) {}

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

at::Tensor ResNet18::backward(const at::Tensor& parameters, const LabelledImages& batch,
                              const at::Tensor& buffers, const at::Tensor& gradient) const {
  BoundParameters leaves(layout_);
  leaves.bind(parameters);
  {
    const at::NoGradGuard no_grad;
    gradient.zero_();
  }
  leaves.accumulate_into(gradient);
  const at::AutoGradMode with_grad(true);  // the caller may have switched it off
  at::Tensor logits;
  {
    const Bfloat16Autocast autocast(parameters.device().type(), options_.bfloat16);
    logits = Pass(*this, leaves, buffers, true).logits(batch.images);
  }
  const auto loss = at::cross_entropy_loss(logits.to(parameters.scalar_type()), batch.labels);
  loss.backward();
  return loss.detach();
}

double ResNet18::gradient(const at::Tensor& parameters, const LabelledImages& batch,
                          const at::Tensor& buffers, const at::Tensor& gradient) const {
  return backward(parameters, batch, buffers, gradient).item().toDouble();
}

void ResNet18::gradients_of_workers(const at::Tensor& parameters, std::span<const LabelledImages> batches,
                                    const at::Tensor& buffers, const at::Tensor& gradients,
                                    std::span<double> losses) const {
  const auto workers = batches.size();
  LASER_CHECK(losses.size() == workers && buffers.size(0) == static_cast<std::int64_t>(workers) &&
              gradients.size(0) == static_cast<std::int64_t>(workers));
  std::vector<at::Tensor> results(workers);
  for_each(workers, parameters.is_cpu(), [&](std::size_t i) {
    const auto row = static_cast<std::int64_t>(i);
    results[i] = backward(parameters, batches[i], buffers.select(0, row), gradients.select(0, row));
  });
  // Read only now: on a GPU the first read waits for everything.
  for (std::size_t i = 0; i < workers; ++i) losses[i] = results[i].item().toDouble();
}

Evaluation ResNet18::evaluate(const at::Tensor& parameters, const at::Tensor& buffers,
                              const LabelledImages& examples, std::int64_t batch_size) const {
  const auto count = examples.labels.size(0);
  LASER_CHECK(count > 0 && batch_size > 0);
  const auto pieces = static_cast<std::size_t>((count + batch_size - 1) / batch_size);
  BoundParameters bound(layout_);
  bound.bind(parameters);
  std::vector<at::Tensor> losses(pieces), correct(pieces);
  for_each(pieces, parameters.is_cpu(), [&](std::size_t i) {
    const at::NoGradGuard no_grad;
    const Bfloat16Autocast autocast(parameters.device().type(), options_.bfloat16);
    const auto first = static_cast<std::int64_t>(i) * batch_size;
    const auto size = std::min(batch_size, count - first);
    const auto labels = examples.labels.narrow(0, first, size);
    const auto logits =
        Pass(*this, bound, buffers, false).logits(examples.images.narrow(0, first, size)).to(at::kDouble);
    losses[i] = at::cross_entropy_loss(logits, labels, {}, at::Reduction::Sum);
    correct[i] = logits.argmax(1).eq(labels).sum();
  });
  Evaluation result;
  for (std::size_t i = 0; i < pieces; ++i) {
    result.loss += losses[i].item().toDouble();
    result.accuracy += static_cast<double>(correct[i].item().toLong());
  }
  result.loss /= static_cast<double>(count);
  result.accuracy *= 100.0 / static_cast<double>(count);
  return result;
}

}  // namespace laser
