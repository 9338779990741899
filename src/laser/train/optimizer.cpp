#include "laser/train/optimizer.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "laser/core/fail.hpp"
#include "laser/core/parallel.hpp"
#include "laser/kernels/reduction.hpp"
#include "laser/receive/server_rule.hpp"

namespace laser {
namespace {

/// Shortens a vector that is longer than `limit` (> 0) to it.
void clip(at::Tensor& estimate, double limit) {
  if (limit <= 0) return;
  const auto size = static_cast<std::size_t>(estimate.numel());
  const double norm = std::sqrt(sum_of_squares(std::span<const float>(estimate.data_ptr<float>(), size)));
  if (norm > limit) estimate.mul_(limit / norm);
}

/// The server's rule on every tensor of a vector [d].
class RuleOnTensors {
 public:
  RuleOnTensors(const std::string& name, Layout layout)
      : rule_(find_row(server_rules(), "server_rule", name)), layout_(std::move(layout)) {}
  [[nodiscard]] bool acts() const { return rule_.apply != nullptr; }
  void apply(at::Tensor& update) const {
    if (!acts()) return;
    for (const auto& layer : layout_.layers) {
      auto tensor = update.narrow(0, layer.offset, layer.size).view({layer.rows, layer.columns});
      rule_.apply(tensor);
    }
  }

 private:
  const ServerRuleEntry& rule_;
  Layout layout_;
};

class Sgd final : public Optimizer {
 public:
  Sgd(const OptimizerOptions& options, Ranges decayed, RuleOnTensors rule)
      : options_(options), decayed_(std::move(decayed)), rule_(std::move(rule)) {}

  void step(at::Tensor& parameters, at::Tensor& estimate, double learning_rate) override {
    clip(estimate, options_.gradient_clip);
    const bool late = rule_.acts() && options_.rule_acts_on == "momentum";
    if (!late) {
      rule_.apply(estimate);
      add_decay(estimate, parameters);
    }
    auto update = estimate;
    if (options_.momentum != 0) {
      if (velocity_.defined()) {
        velocity_.mul_(options_.momentum).add_(estimate);
      } else {
        velocity_ = estimate.clone();
      }
      update = velocity_;
    }
    if (late) {
      update = update.clone();
      rule_.apply(update);
      add_decay(update, parameters);
    }
    parameters.sub_(update, learning_rate);
  }

  [[nodiscard]] std::vector<std::string> vectors() const override {
    return options_.momentum == 0 ? std::vector<std::string>{} : std::vector<std::string>{"velocity"};
  }
  [[nodiscard]] NamedTensors state() const override {
    if (!velocity_.defined()) return {};
    return {{"velocity", velocity_}};
  }
  void load_state(const NamedTensors& state) override {
    velocity_ = state.contains("velocity") ? state.at("velocity") : at::Tensor();
  }

 private:
  void add_decay(at::Tensor& update, const at::Tensor& parameters) const {
    if (options_.weight_decay == 0) return;
    for (const auto& [first, size] : decayed_)
      update.narrow(0, first, size).add_(parameters.narrow(0, first, size), options_.weight_decay);
  }

  OptimizerOptions options_;
  Ranges decayed_;
  RuleOnTensors rule_;
  at::Tensor velocity_;  // [d]; undefined before the first step
};

/// The mean squares [d] with those of every matrix in the place of which the product of its rows' and
/// columns' means stands, over their mean: few numbers that many entries have a part in, so that noise is
/// averaged.
at::Tensor factored(const at::Tensor& squares, const Layout& layout) {
  auto result = squares.clone();
  for (const auto& layer : layout.layers) {
    if (layer.rows == 1 || layer.columns == 1) continue;
    auto matrix = result.narrow(0, layer.offset, layer.size).view({layer.rows, layer.columns});
    const auto rows = matrix.mean(1, true), columns = matrix.mean(0, true);
    const double mean = (layer.rows < layer.columns ? rows : columns).mean().item<double>();
    if (mean > 0) matrix.copy_((rows / mean) * columns);
  }
  return result;
}

class AdamW final : public Optimizer {
 public:
  AdamW(const OptimizerOptions& options, Ranges decayed, RuleOnTensors rule, Layout layout)
      : options_(options), decayed_(std::move(decayed)), rule_(std::move(rule)), layout_(std::move(layout)) {}

  void step(at::Tensor& parameters, at::Tensor& estimate, double learning_rate) override {
    clip(estimate, options_.gradient_clip);
    rule_.apply(estimate);
    if (!mean_.defined()) {
      mean_ = at::zeros_like(parameters);
      square_ = at::zeros_like(parameters);
    }
    ++steps_;
    if (options_.second_moment == "factored") return step_factored(parameters, estimate, learning_rate);
    std::int64_t end = 0;
    for (const auto& [first, size] : decayed_) {
      update(parameters, estimate, end, first, learning_rate, 0);
      update(parameters, estimate, first, first + size, learning_rate, options_.weight_decay);
      end = first + size;
    }
    update(parameters, estimate, end, parameters.numel(), learning_rate, 0);
  }

  [[nodiscard]] std::vector<std::string> vectors() const override { return {"mean", "square"}; }
  [[nodiscard]] NamedTensors state() const override {
    if (!mean_.defined()) return {};
    return {{"mean", mean_},
            {"square", square_},
            {"steps", at::scalar_tensor(static_cast<double>(steps_), at::kDouble)}};
  }
  void load_state(const NamedTensors& state) override {
    mean_ = square_ = at::Tensor();
    steps_ = 0;
    if (!state.contains("mean")) return;
    const auto steps = state.find("steps");
    if (!state.contains("square") || steps == state.end() || steps->second.numel() != 1)
      fail(ExitCode::kData, "the saved state lacks the optimizer's number of steps");
    mean_ = state.at("mean");
    square_ = state.at("square");
    const double count = steps->second.item<double>();
    if (!(count >= 0 && count < 9007199254740992.0))
      fail(ExitCode::kData, "the saved state has {} of the optimizer's steps", count);
    steps_ = static_cast<std::int64_t>(count);
  }

 private:
  void step_factored(at::Tensor& parameters, const at::Tensor& estimate, double learning_rate) {
    const auto t = static_cast<double>(steps_);
    mean_.mul_(options_.beta1).add_(estimate, 1 - options_.beta1);
    square_.mul_(options_.beta2).addcmul_(estimate, estimate, 1 - options_.beta2);
    auto divisor = factored(square_, layout_).div_(1 - std::pow(options_.beta2, t)).sqrt_();
    divisor.add_(options_.epsilon);
    for (const auto& [first, size] : decayed_)
      parameters.narrow(0, first, size).mul_(1 - learning_rate * options_.weight_decay);
    parameters.addcdiv_(mean_, divisor, -learning_rate / (1 - std::pow(options_.beta1, t)));
  }

  /// One pass over the numbers first .. end - 1: in the order of PyTorch's operations, one after the other.
  void update(at::Tensor& parameters, const at::Tensor& estimate, std::int64_t first, std::int64_t end,
              double learning_rate, double weight_decay) {
    const auto t = static_cast<double>(steps_);
    const auto beta1 = static_cast<float>(options_.beta1), beta2 = static_cast<float>(options_.beta2);
    const auto fresh1 = static_cast<float>(1 - options_.beta1),
               fresh2 = static_cast<float>(1 - options_.beta2);
    const auto keep = static_cast<float>(1 - learning_rate * weight_decay);
    const auto rate = static_cast<float>(learning_rate / (1 - std::pow(options_.beta1, t)));
    const auto correction = static_cast<float>(std::sqrt(1 - std::pow(options_.beta2, t)));
    const auto epsilon = static_cast<float>(options_.epsilon);
    float* const theta = parameters.data_ptr<float>();
    const float* const g = estimate.data_ptr<float>();
    float* const m = mean_.data_ptr<float>();
    float* const v = square_.data_ptr<float>();
    constexpr std::int64_t kPiece = 1 << 16;
    const auto pieces = static_cast<std::size_t>((end - first + kPiece - 1) / kPiece);
    for_each_piece(
        pieces,
        [=](std::size_t piece) {
          const auto from = first + static_cast<std::int64_t>(piece) * kPiece;
          const auto to = std::min(from + kPiece, end);
          for (auto i = from; i < to; ++i) {
            m[i] = beta1 * m[i] + fresh1 * g[i];
            v[i] = beta2 * v[i] + fresh2 * g[i] * g[i];
            theta[i] = keep * theta[i] - rate * m[i] / (std::sqrt(v[i]) / correction + epsilon);
          }
        },
        pieces > 1);
  }

  OptimizerOptions options_;
  Ranges decayed_;
  RuleOnTensors rule_;
  Layout layout_;
  std::int64_t steps_ = 0;
  at::Tensor mean_;    // [d], of the estimates; undefined before the first step
  at::Tensor square_;  // [d], of their squares
};

}  // namespace

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, Ranges decayed,
                                          const Layout& layout) {
  RuleOnTensors rule(options.rule, layout);
  if (options.name == "sgd") return std::make_unique<Sgd>(options, std::move(decayed), std::move(rule));
  if (options.name == "adamw")
    return std::make_unique<AdamW>(options, std::move(decayed), std::move(rule), layout);
  fail(ExitCode::kConfiguration, "optimizer = '{}' is unknown. HINT: sgd or adamw", options.name);
}

void WeightAverage::update(const at::Tensor& values) {
  if (!sum_.defined()) sum_ = at::zeros_like(values);
  sum_.mul_(decay_).add_(values, 1 - decay_);
  remaining_ *= decay_;
}

at::Tensor WeightAverage::value() const { return sum_ / (1 - remaining_); }

NamedTensors WeightAverage::state() const {
  if (!sum_.defined()) return {};
  return {{"sum", sum_}, {"remaining", at::scalar_tensor(remaining_, at::kDouble)}};
}

void WeightAverage::load_state(const NamedTensors& state) {
  if (!state.contains("sum")) return;
  const auto remaining = state.find("remaining");
  if (remaining == state.end() || remaining->second.numel() != 1)
    fail(ExitCode::kData, "the saved state has no weight of an average");
  sum_ = state.at("sum");
  remaining_ = remaining->second.item<double>();
}

}  // namespace laser
