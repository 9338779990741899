#include "laser/verify/lemma_runs.hpp"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "laser/aggregate/aggregator.hpp"
#include "laser/core/error.hpp"
#include "laser/theory/condition.hpp"
#include "laser/theory/influence.hpp"

namespace laser::verify {
namespace {

constexpr double kGradientNoiseFactor = 0.5, kGradientVariance = 100;  // M, sigma^2
constexpr std::uint32_t kNoiseStream = 8;                              // layer of Purpose::kTest
constexpr std::size_t kSize = kLemmaRows * kLemmaColumns;

Layout layout() {
  Layout layout;
  layout.add("theta", {kLemmaRows, kLemmaColumns});
  return layout;
}

Algorithm algorithm_of(const LemmaSetting& setting) {
  auto algorithm = method("laser");
  algorithm.compressor.rank = kLemmaRank;
  algorithm.compressor.transport = "alternating";
  algorithm.compressor.warm_start = false;
  if (std::isinf(setting.power)) algorithm.channel = "noiseless";
  return algorithm;
}

/// Where a run is, and the round that takes it further.
class Walk {
 public:
  Walk(const LemmaSetting& setting, std::uint64_t seed)
      : setting_(setting),
        seed_(seed),
        solo_(1),
        aggregator_(layout(), algorithm_of(setting), seed, solo_, at::kDouble),
        x_(setting.objective.start()),
        exact_(kSize),
        noisy_(at::zeros({1, static_cast<std::int64_t>(kSize)}, at::kDouble)),
        estimate_(at::zeros({static_cast<std::int64_t>(kSize)}, at::kDouble)) {}

  /// Round number `round`; only even rounds are used.
  void go(std::int64_t round) {
    (void)setting_.objective.evaluate(x_, exact_);
    const auto draws =
        noise_.normal({static_cast<std::int64_t>(kSize)}, at::kDouble,
                      {seed_, Purpose::kTest, static_cast<std::uint32_t>(round), kNoiseStream, 0});
    const double* z = draws.const_data_ptr<double>();
    auto* g = noisy_.data_ptr<double>();
    const double factor = setting_.problem.gradient_noise_factor;
    const double variance = setting_.problem.gradient_variance / static_cast<double>(kSize);
    for (std::size_t j = 0; j < kSize; ++j)
      g[j] = exact_[j] + std::sqrt(factor * exact_[j] * exact_[j] + variance) * z[j];
    aggregator_.round(2 * round, setting_.power, noisy_, estimate_, false, setting_.step);
    const double* y = estimate_.const_data_ptr<double>();
    for (std::size_t j = 0; j < kSize; ++j) x_[j] -= setting_.step * y[j];
  }

  [[nodiscard]] std::vector<double> memory() {
    const auto kept = aggregator_.memory(0);
    if (!kept.defined()) return std::vector<double>(kSize, 0.0);  // before the first round
    const auto rows = kept.contiguous();
    const double* e = rows.const_data_ptr<double>();
    return {e, e + kSize};
  }

  void record(LemmaTrace& trace) {
    const auto e = memory();
    std::vector<double> shifted(kSize), ignored(kSize);
    double distance = 0, kept = 0;
    for (std::size_t j = 0; j < kSize; ++j) {
      shifted[j] = x_[j] - e[j];
      distance += shifted[j] * shifted[j];
      kept += e[j] * e[j];
    }
    const auto here = setting_.objective.evaluate(x_, ignored);
    trace.distance.push_back(distance);
    trace.gap.push_back(here.value);
    trace.value.push_back(setting_.objective.evaluate(shifted, ignored).value);
    trace.squared_gradient.push_back(here.squared_gradient);
    trace.memory.push_back(kept);
  }

  [[nodiscard]] const std::vector<double>& x() const { return x_; }
  void set_x(const std::vector<double>& x) { x_ = x; }
  Aggregator& aggregator() { return aggregator_; }

 private:
  const LemmaSetting& setting_;
  std::uint64_t seed_;
  Solo solo_;
  Aggregator aggregator_;
  std::vector<double> x_, exact_;
  at::Tensor noisy_, estimate_;
  AddressedNoise noise_;
};

}  // namespace

LemmaSetting lemma_setting(Case kind, bool noisy_channel) {
  LemmaSetting setting{Objective(kind, kLemmaRows, kLemmaColumns), {}, 0, 0};
  auto& problem = setting.problem;
  problem.smoothness = setting.objective.smoothness();
  problem.quasi_convexity = setting.objective.quasi_convexity();
  problem.gradient_noise_factor = kGradientNoiseFactor;
  problem.gradient_variance = kGradientVariance;
  problem.compression_quality = static_cast<double>(kLemmaRank) / static_cast<double>(kLemmaRows);
  setting.power = std::numeric_limits<double>::infinity();
  if (noisy_channel) {
    problem.influence = theory::largest_influence(problem.compression_quality, kGradientNoiseFactor);
    setting.power = static_cast<double>(kLemmaRank * kLemmaColumns) / problem.influence;
  }
  setting.step = theory::largest_step(problem);
  return setting;
}

LemmaTrace lemma_run(const LemmaSetting& setting, std::int64_t rounds, std::uint64_t seed) {
  Walk walk(setting, seed);
  LemmaTrace trace;
  walk.record(trace);
  for (std::int64_t t = 0; t < rounds; ++t) {
    walk.go(t);
    walk.record(trace);
  }
  return trace;
}

StepMoments lemma_step(const LemmaSetting& setting, std::int64_t t, std::int64_t draws, std::uint64_t seed) {
  Walk walk(setting, seed);
  StepMoments result;
  walk.record(result.before);
  for (std::int64_t i = 0; i < t; ++i) {
    walk.go(i);
    walk.record(result.before);
  }
  const auto x = walk.x();
  const auto e = walk.memory();
  const auto state = walk.aggregator().state();
  std::vector<double> gradient(kSize), target(kSize);
  const auto here = setting.objective.evaluate(x, gradient);
  const double gamma = setting.step;
  double message = 0;
  for (std::size_t j = 0; j < kSize; ++j) {
    target[j] = x[j] - e[j] - gamma * gradient[j];
    message += std::pow(e[j] + gamma * gradient[j], 2);
  }
  const auto& problem = setting.problem;
  const double noise =
      gamma * gamma * (problem.gradient_noise_factor * here.squared_gradient + problem.gradient_variance);
  result.exact_memory = (1 - problem.compression_quality) * (message + noise);
  result.exact_change = noise + problem.influence * problem.compression_quality * (message + noise);

  std::vector<double> distances, values, memories, changes;
  std::vector<double> shifted(kSize), ignored(kSize);
  for (std::int64_t i = 0; i < draws; ++i) {
    walk.set_x(x);
    walk.aggregator().load_state(state);
    walk.go(t + i);
    const auto next = walk.memory();
    double distance = 0, change = 0, kept = 0;
    for (std::size_t j = 0; j < kSize; ++j) {
      shifted[j] = walk.x()[j] - next[j];
      distance += shifted[j] * shifted[j];
      change += std::pow(shifted[j] - target[j], 2);
      kept += next[j] * next[j];
    }
    distances.push_back(distance);
    changes.push_back(change);
    memories.push_back(kept);
    values.push_back(setting.objective.evaluate(shifted, ignored).value);
  }
  result.distance = mean_of(distances);
  result.value = mean_of(values);
  result.memory = mean_of(memories);
  result.change = mean_of(changes);
  return result;
}

}  // namespace laser::verify
