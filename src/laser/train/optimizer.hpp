// Optimizers on the server's estimate. Momentum, weight decay and adaptive steps act after aggregation and
// are never transmitted.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "laser/compress/compressor.hpp"
#include "laser/core/layout.hpp"

namespace laser {

class OptionList;

/// Runs of the parameter vector, (first, size), in order.
using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;

struct OptimizerOptions {
  std::string name = "sgd";            // sgd | adamw
  double momentum = 0.9;               // sgd
  double beta1 = 0.9;                  // adamw: decay of the mean
  double beta2 = 0.999;                // adamw: decay of the mean square
  double epsilon = 1e-8;               // adamw
  std::string second_moment = "full";  // adamw: full | factored, the product of its rows' and columns' means
  double weight_decay = 0;
  double gradient_clip = 0;               // longest estimate; 0: as it is
  std::string rule = "plain";             // of the server: a name of receive/server_rule.hpp
  std::string rule_acts_on = "momentum";  // momentum (sgd only) | received
};

/// Adds them to the list; `language` says whether the task is a language model, whose options are told in
/// full.
void describe(OptionList& list, OptimizerOptions& options, const std::function<bool()>& language);

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// One step of `parameters` [d]; `estimate` [d] is overwritten. Same bits for every number of threads.
  virtual void step(at::Tensor& parameters, at::Tensor& estimate, double learning_rate) = 0;
  /// Vectors [d] that last: what `state` holds after the first step.
  [[nodiscard]] virtual std::vector<std::string> vectors() const = 0;
  /// What lasts between steps; nothing before the first.
  [[nodiscard]] virtual NamedTensors state() const = 0;
  /// Restores what `state` returned. Throws Error (data) where a number is missing; the caller
  /// has checked the vectors.
  virtual void load_state(const NamedTensors& state) = 0;
};

/// SGD with momentum, v <- mu v + (g + wd theta), theta <- theta - lr v (spec 2.3, 5), or AdamW, weight
/// decay apart from the gradient [Loshchilov and Hutter 2019]; both in PyTorch's conventions. With a factored
/// second moment the mean squares v of a matrix are taken as (row means)(column means)^T / mean [Adafactor,
/// arXiv 1804.04235]. `decayed`: where weight decay acts. `layout` tells the tensors; a rule but `plain` and
/// a factored second moment need it. Where the rule acts on the momentum weight decay is added to what it
/// makes. Throws Error (configuration) on an unknown name.
std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options, Ranges decayed,
                                          const Layout& layout = {});

/// Exponential moving average with bias correction, the paper's evaluation (spec 5).
class WeightAverage {
 public:
  explicit WeightAverage(double decay) : decay_(decay) {}
  void update(const at::Tensor& values);
  /// The corrected average, of the shape of the values.
  [[nodiscard]] at::Tensor value() const;
  /// "sum" and "remaining" once there are any.
  [[nodiscard]] NamedTensors state() const;
  /// Restores what `state` returned.
  void load_state(const NamedTensors& state);

 private:
  double decay_;
  double remaining_ = 1;  // decay^t
  at::Tensor sum_;
};

}  // namespace laser
