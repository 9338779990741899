#include "laser/theory/lemmas.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "laser/core/arguments.hpp"

namespace laser::theory {
namespace {

// sum_i (1 - delta/4)^i g_i, newest first.
double fading_sum(double delta, std::span<const double> squared_gradients) {
  require_all_nonnegative("the squared gradients", squared_gradients);
  double sum = 0;
  double weight = 1;
  for (const double gradient : squared_gradients) {
    sum += weight * gradient;
    weight *= 1 - delta / 4;
  }
  return sum;
}

Inequality weighted_sums(const Problem& problem, const WeightedRun& run, double gradient_factor) {
  check(problem);
  const auto length = run.weights.size();
  require_length("the list of steps", run.steps.size(), length);
  require_length("the list of memories", run.memories.size(), length);
  require_length("the list of squared gradients", run.squared_gradients.size(), length);
  require_all_nonnegative("the weights", run.weights);
  require_all_nonnegative("the memories", run.memories);
  require_all_nonnegative("the squared gradients", run.squared_gradients);
  const double growth = 1 + problem.influence;
  Inequality sums;
  for (std::size_t t = 0; t < length; ++t) {
    require_positive("the step size", run.steps[t]);
    sums.left += (3 * problem.smoothness * growth + problem.influence / run.steps[t]) * run.weights[t] *
                 run.memories[t];
    sums.right += run.weights[t] * (run.squared_gradients[t] / (gradient_factor * problem.smoothness) +
                                    growth * problem.gradient_variance * run.steps[t]);
  }
  return sums;
}

Problem without_channel(Problem problem) {
  problem.influence = 0;
  return problem;
}

}  // namespace

double lemma13_step(const Problem& problem) {
  check(problem);
  return 1 / (4 * problem.smoothness * (1 + problem.gradient_noise_factor) * (1 + problem.influence));
}

Inequality lemma11(const Problem& problem, double step, const DistanceRound& round) {
  check(problem);
  require_positive("the step size", step);
  const double growth = 1 + problem.influence;
  const double right = (1 - problem.quasi_convexity * step / 2) * round.distance - step / 2 * round.gap +
                       step * step * problem.gradient_variance * growth +
                       (3 * problem.smoothness * step * growth + problem.influence) * round.memory;
  return {round.next_distance, right};
}

Inequality lemma13(const Problem& problem, double step, const DescentRound& round) {
  check(problem);
  require_positive("the step size", step);
  const double l = problem.smoothness;
  const double right = round.value - step / 4 * round.squared_gradient +
                       step * step * l * problem.gradient_variance * (1 + problem.influence) / 2 +
                       (l * l * step / 2 + l * problem.influence) * round.memory;
  return {round.next_value, right};
}

Inequality lemma2(const Problem& problem, double step, double next_memory,
                  std::span<const double> squared_gradients) {
  check(problem);
  require_positive("the step size", step);
  require_nonnegative("the memory", next_memory);
  const double delta = problem.compression_quality;
  return {3 * problem.smoothness * next_memory,
          delta / (64 * problem.smoothness) * fading_sum(delta, squared_gradients) +
              step * problem.gradient_variance};
}

Inequality lemma12(const Problem& problem, double step, double next_memory,
                   std::span<const double> squared_gradients) {
  check(problem);
  require_positive("the step size", step);
  require_nonnegative("the memory", next_memory);
  const double delta = problem.compression_quality;
  const double growth = 1 + problem.influence;
  return {(3 * problem.smoothness * growth + problem.influence / step) * next_memory,
          delta / (32 * problem.smoothness) * fading_sum(delta, squared_gradients) +
              step * problem.gradient_variance * growth};
}

Inequality lemma2_weighted(const Problem& problem, const WeightedRun& run) {
  return weighted_sums(without_channel(problem), run, 8);
}

Inequality lemma12_weighted(const Problem& problem, const WeightedRun& run) {
  return weighted_sums(problem, run, 6);
}

Inequality lemma3(std::span<const double> sequence, double a, double c, double step) {
  require_at_least("the length of the sequence", static_cast<std::int64_t>(sequence.size()), 2);
  require_all_nonnegative("the sequence", sequence);
  require_nonnegative("a", a);
  require_nonnegative("c", c);
  require_positive("the step size", step);
  const double contraction = a * step;
  if (contraction >= 1) fail(ExitCode::kConfiguration, "a * step is {}: it must be below 1", contraction);
  double weight = 1;
  double total = 0;
  double sum = 0;
  for (std::size_t t = 0; t + 1 < sequence.size(); ++t) {
    weight /= 1 - contraction;
    total += weight;
    sum += weight * ((1 - contraction) * sequence[t] - sequence[t + 1]) / step + c * step * weight;
  }
  return {sum / total, sequence.front() / (step * total) + c * step};
}

Inequality lemma6(double r0, double c, double d, std::int64_t last_round) {
  require_positive("r_0", r0);
  require_nonnegative("c", c);
  require_positive("d", d);
  require_at_least("the last round T", last_round, 0);
  const double rounds = static_cast<double>(last_round) + 1;
  const double optimum = c > 0 ? std::sqrt(r0 / (c * rounds)) : std::numeric_limits<double>::infinity();
  const double step = std::min(1 / d, optimum);
  return {r0 / (step * rounds) + c * step, d * r0 / rounds + 2 * std::sqrt(c * r0 / rounds)};
}

bool is_slow_decreasing(std::span<const double> sequence, double tau) {
  if (!(std::isfinite(tau) && tau >= 1))
    fail(ExitCode::kConfiguration, "tau is {}: it must be at least 1", tau);
  for (const double value : sequence) require_positive("an entry of the sequence", value);
  for (std::size_t t = 0; t + 1 < sequence.size(); ++t) {
    const double next = sequence[t + 1];
    if (next > sequence[t] || sequence[t] > next * (1 + 1 / (2 * tau))) return false;
  }
  return true;
}

bool is_slow_increasing(std::span<const double> sequence, double tau) {
  std::vector<double> inverse(sequence.begin(), sequence.end());
  for (double& value : inverse) {
    require_positive("an entry of the sequence", value);
    value = 1 / value;
  }
  return is_slow_decreasing(inverse, tau);
}

}  // namespace laser::theory
