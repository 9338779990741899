#include "laser/verify/descent.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "laser/aggregate/aggregator.hpp"
#include "laser/core/error.hpp"
#include "laser/theory/influence.hpp"

namespace laser::verify {
namespace {

constexpr double kDiverged = 1e6;  // times the start's value

Algorithm algorithm_of(const DescentOptions& options) {
  auto algorithm = method("laser");
  algorithm.compressor.rank = options.rank;
  algorithm.compressor.transport = "one_shot";
  algorithm.compressor.warm_start = false;
  if (std::isinf(options.power)) algorithm.channel = "noiseless";
  return algorithm;
}

std::span<double> span_of(const at::Tensor& tensor) {
  return {tensor.data_ptr<double>(), static_cast<std::size_t>(tensor.numel())};
}

/// Weighted means along the way, relative to the newest weight, so that nothing overflows.
class WeightedMeans {
 public:
  explicit WeightedMeans(double weight_decay) : keep_(1 - weight_decay) {}

  void add(const Evaluation& point) {
    weight_ = weight_ * keep_ + 1;
    gap_ = gap_ * keep_ + point.value;
    squared_gradient_ = squared_gradient_ * keep_ + point.squared_gradient;
  }

  [[nodiscard]] DescentResult result() const { return {gap_ / weight_, squared_gradient_ / weight_, false}; }

 private:
  double keep_, weight_ = 0, gap_ = 0, squared_gradient_ = 0;
};

}  // namespace

theory::Problem descent_problem(const Objective& objective, double power) {
  theory::Problem problem;
  problem.smoothness = objective.smoothness();
  problem.quasi_convexity = objective.quasi_convexity();
  problem.compression_quality = static_cast<double>(kDescentRank) / static_cast<double>(objective.columns());
  problem.influence =
      theory::influence_one_shot_bound(objective.rows(), objective.columns(), kDescentRank, power);
  return problem;
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
  WeightedMeans means(options.weight_decay);
  for (std::int64_t t = 0;; ++t) {
    const auto point = objective.evaluate(span_of(theta), span_of(gradient));
    if (!(point.value < ceiling)) {
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      return {kInfinity, kInfinity, true};
    }
    means.add(point);
    if (t == options.last_round) return means.result();
    aggregator.round(t, options.power, gradient, estimate, false, options.step);
    theta.sub_(estimate, options.step);  // the estimate was divided by gamma
  }
}

}  // namespace laser::verify
