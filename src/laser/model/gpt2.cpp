#include "laser/model/gpt2.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "laser/core/fail.hpp"
#include "laser/kernels/normal.hpp"
#include "laser/model/bound_parameters.hpp"
#include "laser/model/dropout.hpp"
#include "laser/model/pieces.hpp"
#include "laser/model/recorded.hpp"

namespace laser {
namespace {

constexpr double kEpsilon = 1e-5;  // of layer norms
constexpr double kInitialStd = 0.02;
constexpr std::int64_t kHeadRows = 1024;    // tokens whose logits are held at a time
constexpr std::uint32_t kDropoutSites = 3;  // of a block: attention weights, and both of its sums

}  // namespace

/// One walk through the network.
class Gpt2::Pass {
 public:
  Pass(const Gpt2& model, const BoundParameters& parameters, double rate, const StreamKey& key)
      : model_(model), parameters_(parameters), rate_(rate), key_(key) {}

  /// What the head sees: [n, T, width] for ids [n, T].
  at::Tensor hidden(const at::Tensor& ids) {
    const auto length = ids.size(1);
    auto x = recorded_embedding(parameters_[0], ids);
    x = at::add(x, recorded_embedding(parameters_[1], at::arange(length, ids.options())));
    x = dropout(x, rate_, site(0));
    for (std::int64_t block = 0; block < model_.size_.layers; ++block) {
      const auto layer = [pass = *this, block](const at::Tensor& input) {
        return pass.transformed(input, block);
      };
      x = model_.options_.recompute_blocks ? recorded_again(layer, x) : layer(x);
    }
    return normalised(x, parameters_.size() - (model_.size_.biases ? 2 : 1));
  }

  /// Logits of rows h [m, width], in float or better.
  [[nodiscard]] at::Tensor logits(const at::Tensor& h) const {
    return at::mm(h.to(type()), head()).to(h.scalar_type());
  }

  /// Sum of the cross-entropy of rows h [m, width]. With `gradient` [m, width] writes there the gradient of
  /// that sum times `scale`, and adds the embedding's to the bank.
  at::Tensor loss(const at::Tensor& h, const at::Tensor& targets, double scale,
                  const at::Tensor& gradient) const {
    const at::NoGradGuard no_grad;
    auto sum = at::zeros({}, h.options().dtype(at::kDouble));
    // Two pieces of memory for all rows: what is given back in between may come in parts that no longer fit.
    const auto most = std::min(kHeadRows, h.size(0));
    const auto all_scores = at::empty({most, head().size(1)}, h.options().dtype(type()));
    const auto all_logs = at::empty({most, head().size(1)}, h.options());
    for (std::int64_t first = 0; first < h.size(0); first += kHeadRows) {
      const auto rows = std::min(kHeadRows, h.size(0) - first);
      const auto part = h.detach().narrow(0, first, rows);
      const auto wanted = targets.narrow(0, first, rows).unsqueeze(1);
      auto scores = all_scores.narrow(0, 0, rows), probabilities = all_logs.narrow(0, 0, rows);
      at::mm_out(scores, part.to(type()), head());
      at::log_softmax_out(probabilities, scores.to(part.scalar_type()), 1);
      sum.sub_(probabilities.gather(1, wanted).sum(at::kDouble));
      if (!gradient.defined()) continue;
      probabilities.exp_().scatter_add_(1, wanted, at::full_like(wanted, -1, part.options()));
      const auto outer = probabilities.to(type());
      auto into = gradient.narrow(0, first, rows);
      auto& weights = parameters_[0].mutable_grad();
      if (type() == part.scalar_type()) {
        at::mm_out(into, outer, parameters_[0].detach());
        weights.addmm_(outer.t(), part, 1, scale);
      } else {
        into.copy_(at::mm(outer, parameters_[0].detach().to(type())));
        weights.add_(at::mm(outer.t(), part.to(type())), scale);
      }
      into.mul_(scale);
    }
    return sum;
  }

 private:
  [[nodiscard]] at::ScalarType type() const {
    return model_.options_.bfloat16 ? at::kBFloat16 : parameters_[0].scalar_type();
  }
  [[nodiscard]] at::Tensor head() const { return parameters_[0].detach().to(type()).t(); }

  [[nodiscard]] StreamKey site(std::uint32_t number) const {
    auto key = key_;
    key.layer += number;
    return key;
  }

  /// The layer norm whose weight is tensor number `index`.
  [[nodiscard]] at::Tensor normalised(const at::Tensor& x, std::size_t index) const {
    const at::Tensor bias = model_.size_.biases ? parameters_[index + 1] : at::Tensor();
    return at::layer_norm(x, {model_.size_.width}, parameters_[index], bias, kEpsilon);
  }
  [[nodiscard]] at::Tensor linear(const at::Tensor& x, std::size_t index) const {
    const at::Tensor bias = model_.size_.biases ? parameters_[index + 1] : at::Tensor();
    return recorded_linear(x, parameters_[index], bias, type());
  }

  /// x + attention(norm(x)), and to that the same with the wide layer.
  [[nodiscard]] at::Tensor transformed(const at::Tensor& input, std::int64_t block) const {
    const std::size_t step = model_.size_.biases ? 2 : 1;  // tensors of a layer
    const std::size_t first = 2 + 6 * step * static_cast<std::size_t>(block);
    const auto first_site = 1 + kDropoutSites * static_cast<std::uint32_t>(block);
    const auto attended = attention(linear(normalised(input, first), first + step), first_site);
    const auto x = at::add(input, dropout(linear(attended, first + 2 * step), rate_, site(first_site + 1)));
    const auto wide = at::gelu(linear(normalised(x, first + 3 * step), first + 4 * step),
                               model_.options_.tanh_gelu ? "tanh" : "none");
    return at::add(x, dropout(linear(wide, first + 5 * step), rate_, site(first_site + 2)));
  }

  /// [n, T, width] from queries, keys and values side by side [n, T, 3 width].
  [[nodiscard]] at::Tensor attention(const at::Tensor& joint, std::uint32_t number) const {
    const auto n = joint.size(0), length = joint.size(1), heads = model_.options_.heads;
    const auto split = joint.view({n, length, 3, heads, model_.size_.width / heads}).permute({2, 0, 3, 1, 4});
    const auto mixed = causal_attention(split[0], split[1], split[2], rate_, site(number));
    return mixed.transpose(1, 2).reshape({n, length, model_.size_.width});
  }

  const Gpt2& model_;
  const BoundParameters& parameters_;
  double rate_;
  StreamKey key_;
};

Gpt2::Gpt2(const Gpt2Size& size, const Gpt2Options& options)
    : size_(size), options_(options), layout_(gpt2_layout(size)) {
  if (options.heads < 1 || size.width % options.heads != 0) {
    fail(ExitCode::kConfiguration,
         "GPT-2 of width {} cannot have {} heads: their number must divide the width", size.width,
         options.heads);
  }
  if (!(options.dropout >= 0 && options.dropout < 1))
    fail(ExitCode::kConfiguration, "dropout is {}: it must lie in [0, 1)", options.dropout);
}

void Gpt2::initialise(const at::Tensor& parameters, std::uint64_t seed) const {
  LASER_CHECK(parameters.dim() == 1 && parameters.numel() == layout_.size);
  auto values = at::empty({layout_.size}, at::kFloat);
  for (std::size_t l = 0; l < layout_.layers.size(); ++l) {
    const auto& layer = layout_.layers[l];
    const std::span<float> part(values.data_ptr<float>() + layer.offset,
                                static_cast<std::size_t>(layer.size));
    if (!layer.is_matrix()) {
      std::fill(part.begin(), part.end(), layer.name.ends_with(".weight") ? 1.0f : 0.0f);
      continue;
    }
    const bool residual = layer.name.ends_with("c_proj.weight");
    const auto scale = kInitialStd / (residual ? std::sqrt(2.0 * static_cast<double>(size_.layers)) : 1.0);
    fill_normal(part, {seed, Purpose::kInitialWeights, 0, static_cast<std::uint32_t>(l), 0});
    for (auto& value : part) value *= static_cast<float>(scale);
  }
  const at::NoGradGuard no_grad;
  parameters.copy_(values);
}

void Gpt2::require_tokens(const at::Tensor& ids) const {
  LASER_CHECK(ids.dim() == 2 && ids.scalar_type() == at::kLong && ids.numel() > 0);
  if (ids.size(1) > size_.context) {
    fail(ExitCode::kData, "a sequence of {} tokens does not fit the model's context of {}", ids.size(1),
         size_.context);
  }
  if (!ids.is_cpu()) return;  // looking would wait for the device; what is copied there was on the CPU before
  const auto smallest = ids.min().item<std::int64_t>(), largest = ids.max().item<std::int64_t>();
  if (smallest < 0 || largest >= size_.vocabulary) {
    fail(ExitCode::kData,
         "token {} does not exist: the model has a vocabulary of {}. HINT: the tokens are of another "
         "vocabulary",
         smallest < 0 ? smallest : largest, size_.vocabulary);
  }
}

at::Tensor Gpt2::logits(const at::Tensor& parameters, const at::Tensor& inputs) const {
  require_tokens(inputs);
  const at::NoGradGuard no_grad;
  BoundParameters bound(layout_);
  bound.bind(parameters);
  Pass pass(*this, bound, 0, {});
  const auto h = pass.hidden(inputs);
  return pass.logits(h.reshape({-1, size_.width})).view({inputs.size(0), inputs.size(1), size_.vocabulary});
}

at::Tensor Gpt2::backward(const at::Tensor& parameters, const TokenBatches& batches,
                          const at::Tensor& gradient) const {
  LASER_CHECK(!batches.steps.empty());
  BoundParameters leaves(layout_);
  leaves.bind(parameters);
  {
    const at::NoGradGuard no_grad;
    gradient.zero_();
  }
  leaves.accumulate_into(gradient);
  auto sum = at::zeros({}, parameters.options().dtype(at::kDouble));
  const auto sites = 1 + kDropoutSites * static_cast<std::uint32_t>(size_.layers);
  for (std::size_t step = 0; step < batches.steps.size(); ++step) {
    const auto& batch = batches.steps[step];
    require_tokens(batch.inputs);
    require_tokens(batch.targets);
    auto key = batches.dropout;
    LASER_CHECK(options_.dropout == 0 || key.purpose == Purpose::kDropout);
    key.layer = static_cast<std::uint32_t>(step) * sites;
    LASER_CHECK(key.layer + sites < (1u << 24));
    const at::AutoGradMode with_grad(true);  // the caller may have switched it off
    Pass pass(*this, leaves, options_.dropout, key);
    const auto h = pass.hidden(batch.inputs);
    const auto rows = h.reshape({-1, size_.width});
    auto rows_gradient = at::empty_like(rows.detach());
    const auto scale = 1.0 / static_cast<double>(rows.size(0));
    sum.add_(pass.loss(rows, batch.targets.reshape({-1}), scale, rows_gradient), scale);
    torch::autograd::backward({rows}, {rows_gradient});
  }
  return sum.div_(static_cast<double>(batches.steps.size()));
}

double Gpt2::gradient(const at::Tensor& parameters, const TokenBatches& batches,
                      const at::Tensor& gradient) const {
  return backward(parameters, batches, gradient).item().toDouble();
}

void Gpt2::gradients(const at::Tensor& parameters, std::span<const TokenBatches> workers,
                     const at::Tensor& gradients, std::span<double> losses) const {
  LASER_CHECK(losses.size() == workers.size() &&
              gradients.size(0) == static_cast<std::int64_t>(workers.size()));
  std::vector<at::Tensor> results(workers.size());
  for_each_on_one_thread(workers.size(), parameters.is_cpu(), [&](std::size_t i) {
    const auto row = static_cast<std::int64_t>(i);
    results[i] =
        backward(parameters.dim() == 2 ? parameters[row] : parameters, workers[i], gradients.select(0, row));
  });
  // Read only now: on a GPU the first read waits for everything.
  for (std::size_t i = 0; i < workers.size(); ++i) losses[i] = results[i].item().toDouble();
}

double Gpt2::activation_bytes(std::int64_t n, std::int64_t length) const {
  const auto tokens = static_cast<double>(n * length), width = static_cast<double>(size_.width);
  const double number = options_.bfloat16 ? 3 : 4;  // bytes; sums stay float
  // Of a block are kept: its input and middle (2 widths), both normalised (2), queries, keys and values (3),
  // what attention gives (2), GELU's input and output (8), and with dropout the attention weights.
  const double scores = options_.dropout > 0 ? static_cast<double>(options_.heads * length) : 0;
  const double block = tokens * (17 * width + scores) * number;
  const auto blocks = static_cast<double>(size_.layers);
  const double kept = options_.recompute_blocks ? blocks * tokens * width * 4 + block : blocks * block;
  const double rows = std::min(tokens, static_cast<double>(kHeadRows));
  const double logits = rows * static_cast<double>(size_.vocabulary) * 4 * 2;
  return kept + 4 * tokens * width * 4 + logits;
}

double Gpt2::evaluate(const at::Tensor& parameters, std::span<const TokenBatch> batches) const {
  LASER_CHECK(!batches.empty());
  BoundParameters bound(layout_);
  bound.bind(parameters);
  std::vector<at::Tensor> sums(batches.size());
  for_each_on_one_thread(batches.size(), parameters.is_cpu(), [&](std::size_t i) {
    require_tokens(batches[i].inputs);
    require_tokens(batches[i].targets);
    const at::NoGradGuard no_grad;
    Pass pass(*this, bound, 0, {});
    const auto rows = pass.hidden(batches[i].inputs).reshape({-1, size_.width});
    sums[i] = pass.loss(rows, batches[i].targets.reshape({-1}), 1, {});
  });
  double sum = 0;
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    sum += sums[i].item().toDouble();
    tokens += batches[i].targets.numel();
  }
  return sum / static_cast<double>(tokens);
}

}  // namespace laser
