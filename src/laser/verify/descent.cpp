#include "laser/verify/descent.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "laser/aggregate/aggregator.hpp"
#include "laser/core/error.hpp"

namespace laser::verify {
namespace {

constexpr double kDiverged = 1e6;  // times the start's value

Algorithm algorithm_of(const DescentOptions& options) {
  Algorithm algorithm;
  apply(find_recipe(options.method == Method::kZsgd ? "zsgd" : "laser"), algorithm);
  algorithm.compressor.rank = options.rank;
  algorithm.compressor.transport = "one_shot";
  algorithm.compressor.warm_start = options.method == Method::kWarm;
  if (options.method == Method::kNoFeedback) algorithm.feedback = "none";
  if (std::isinf(options.power)) algorithm.channel = "noiseless";
  return algorithm;
}

std::span<double> span_of(const at::Tensor& tensor) {
  return {tensor.data_ptr<double>(), static_cast<std::size_t>(tensor.numel())};
}

/// Adds xi = sigma a b^T, a ~ N(0, I/m), b ~ N(0, I/n): zero mean, E ||xi||^2 = sigma^2, M = 0 in A3.
void add_gradient_noise(at::Tensor& gradient, const Objective& objective, double variance,
                        const StreamKey& key) {
  if (variance == 0) return;
  const auto rows = objective.rows(), columns = objective.columns();
  const auto draws = AddressedNoise().normal({rows + columns}, at::kDouble, key);
  const double scale = std::sqrt(variance / static_cast<double>(rows * columns));
  gradient.view({rows, columns}).addr_(draws.narrow(0, 0, rows), draws.narrow(0, rows, columns), 1, scale);
}

/// Running means of what is measured along the way.
class Trace {
 public:
  explicit Trace(double weight_decay) : keep_(1 - weight_decay) {}

  void add(const Evaluation& point) {  // relative to the newest weight, so that nothing overflows
    weight_ = weight_ * keep_ + 1;
    gap_ = gap_ * keep_ + point.value;
    squared_gradient_ = squared_gradient_ * keep_ + point.squared_gradient;
  }

  void add(const RoundReport& report) {
    ++diagnosed_;
    influence_ += report.lambda.value_or(0);
    const double quality = report.delta.value_or(1);
    quality_ += quality;
    least_quality_ = std::min(least_quality_, quality);
  }

  [[nodiscard]] DescentResult result(bool diverged) const {
    DescentResult result;
    const double infinity = std::numeric_limits<double>::infinity();
    result.diverged = diverged;
    result.gap = diverged ? infinity : gap_ / weight_;
    result.squared_gradient = diverged ? infinity : squared_gradient_ / weight_;
    const auto count = static_cast<double>(std::max<std::int64_t>(1, diagnosed_));
    result.influence = influence_ / count;
    result.mean_quality = quality_ / count;
    result.least_quality = least_quality_;
    return result;
  }

 private:
  double keep_, weight_ = 0, gap_ = 0, squared_gradient_ = 0, influence_ = 0, quality_ = 0;
  double least_quality_ = 1;
  std::int64_t diagnosed_ = 0;
};

}  // namespace

std::string method_name(Method method) {
  switch (method) {
    case Method::kFresh:
      return "LASER, fresh basis";
    case Method::kWarm:
      return "LASER, warm basis";
    case Method::kNoFeedback:
      return "LASER, no feedback";
    case Method::kZsgd:
      return "Z-SGD";
  }
  LASER_CHECK(false);
  return {};
}

DescentResult descend(const Objective& objective, const DescentOptions& options) {
  Layout layout;
  layout.add("theta", {objective.rows(), objective.columns()});
  Solo solo(1);
  Aggregator aggregator(layout, algorithm_of(options), options.seed, solo, at::kDouble);
  auto theta = at::tensor(at::ArrayRef<double>(objective.start()), at::kDouble);
  auto gradient = at::zeros({1, layout.size}, at::kDouble);
  auto estimate = at::zeros({layout.size}, at::kDouble);
  const double ceiling = kDiverged * objective.gap();
  Trace trace(options.weight_decay);
  for (std::int64_t t = 0;; ++t) {
    const auto point = objective.evaluate(span_of(theta), span_of(gradient));
    if (!(point.value < ceiling)) return trace.result(true);
    trace.add(point);
    if (t == options.last_round) break;
    add_gradient_noise(gradient, objective, options.gradient_variance,
                       {options.seed, Purpose::kTest, static_cast<std::uint32_t>(t), 4, 0});
    const bool diagnosed = t % kDiagnosedRounds == 0;
    const auto report = aggregator.round(t, options.power, gradient, estimate, diagnosed, options.step);
    if (diagnosed) trace.add(report);
    theta.sub_(estimate, options.step);  // the estimate was divided by gamma
  }
  return trace.result(false);
}

}  // namespace laser::verify
