#include "laser/verify/average_checks.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "laser/aggregate/aggregator.hpp"
#include "laser/core/options.hpp"
#include "laser/theory/delays.hpp"
#include "laser/theory/prediction.hpp"

namespace laser::verify {
namespace {

Layout vector_of(std::int64_t size) {
  Layout layout;
  layout.add("w", {size});
  return layout;
}

Algorithm uncompressed() { return method("zsgd"); }

/// E |w_T|^2 of gradient descent on 1/2 sum_j h_j w_j^2 over the air, from w_0 = (1, .., 1), T rounds: what
/// the recursion of second moments says, and what runs of real rounds give.
struct SecondMoment {
  static constexpr std::array<double, 6> kCurvatures{1, 0.7, 0.4, 0.2, 0.1, 0.05};
  static constexpr std::int64_t kWorkers = 2, kRounds = 12;

  double step = 0, power = 0;

  [[nodiscard]] double expected() const {
    std::array<double, kCurvatures.size()> moments;
    moments.fill(1);
    for (std::int64_t t = 0; t < kRounds; ++t) {
      double message = 0;
      for (std::size_t j = 0; j < moments.size(); ++j) message += std::pow(kCurvatures[j], 2) * moments[j];
      const double noise = step * step * message / (static_cast<double>(kWorkers * kWorkers) * power);
      for (std::size_t j = 0; j < moments.size(); ++j)
        moments[j] = std::pow(1 - step * kCurvatures[j], 2) * moments[j] + noise;
    }
    double sum = 0;
    for (const double moment : moments) sum += moment;
    return sum;
  }

  [[nodiscard]] Estimate measured(std::uint64_t seed, std::int64_t runs) const {
    constexpr auto kSize = static_cast<std::int64_t>(kCurvatures.size());
    Solo solo(kWorkers);
    Aggregator aggregator(vector_of(kSize), uncompressed(), seed, solo, at::kDouble);
    const auto curvatures = at::tensor(at::ArrayRef<double>(kCurvatures), at::kDouble);
    auto estimate = at::empty({kSize}, at::kDouble);
    std::vector<double> squares;
    for (std::int64_t i = 0; i < runs; ++i) {
      auto weights = at::ones({kSize}, at::kDouble);
      for (std::int64_t t = 0; t < kRounds; ++t) {
        const auto gradient = (curvatures * weights).expand({kWorkers, -1}).contiguous();
        aggregator.round(i * kRounds + t, power, gradient, estimate);
        weights.sub_(estimate, step);
      }
      squares.push_back(weights.square().sum().item<double>());
    }
    return mean_of(squares);
  }
};

/// Whether gradient descent on w^2/2 whose gradient goes through the average at the worker and then through
/// the server's momentum comes to rest.
bool comes_to_rest(double first, double second, double lead, double step) {
  auto algorithm = uncompressed();
  algorithm.channel = "noiseless";
  algorithm.worker_momentum = 1 - 1 / first;
  algorithm.filter.lead = number_text(lead);
  Solo solo(1);
  Aggregator aggregator(vector_of(1), algorithm, 1, solo, at::kDouble);
  auto estimate = at::zeros({1}, at::kDouble);
  double weight = 1, velocity = 0, early = 0, late = 0;
  constexpr std::int64_t kRounds = 6000;
  for (std::int64_t t = 0; t < kRounds; ++t) {
    aggregator.round(t, 1, at::full({1, 1}, weight, at::kDouble), estimate);
    velocity += (estimate.item<double>() - velocity) / second;
    weight -= step * velocity;
    if (std::abs(weight) > 1e6) return false;
    if (t >= kRounds / 2 && t < kRounds * 3 / 4) early = std::max(early, std::abs(weight));
    if (t >= kRounds * 3 / 4) late = std::max(late, std::abs(weight));
  }
  return late < early || late < 1e-12;
}

/// The step at which it stops, to 0.2 %.
double measured_threshold(double first, double second, double lead, double around) {
  double low = 0.5 * around, high = 2 * around;
  while (high / low > 1.002) {
    const double middle = std::sqrt(low * high);
    (comes_to_rest(first, second, lead, middle) ? low : high) = middle;
  }
  return std::sqrt(low * high);
}

/// Relative noise energy of what is held of a message that stays, in batches of rounds after a start.
Estimate held_noise(double lambda, double rho, std::int64_t rounds, std::uint64_t seed) {
  constexpr std::int64_t kSize = 64, kStart = 64, kBatches = 64;
  auto algorithm = uncompressed();
  algorithm.feedback = "hold";
  algorithm.prediction = number_text(rho);
  Solo solo(1);
  Aggregator aggregator(vector_of(kSize), algorithm, seed, solo, at::kDouble);
  const auto message = at::ones({1, kSize}, at::kDouble);
  auto estimate = at::empty({kSize}, at::kDouble);
  std::vector<double> batches(kBatches, 0.0);
  const auto each = rounds / kBatches;
  for (std::int64_t t = 0; t < kStart + each * kBatches; ++t) {
    aggregator.round(t, static_cast<double>(kSize) / lambda, message, estimate);
    if (t >= kStart) {
      batches[static_cast<std::size_t>((t - kStart) / each)] +=
          (estimate - message[0]).square().mean().item<double>() / static_cast<double>(each);
    }
  }
  return mean_of(batches);
}

Check check_of(const std::string& subject, const char* quantity, const char* source, Estimate measured,
               double expected, std::int64_t samples) {
  auto check = equality("averages", subject, quantity, source, measured, expected, samples);
  check.plain_ratio = true;
  return check;
}

}  // namespace

std::vector<Task> AverageChecks::tasks() {
  checks_.clear();
  std::vector<Task> tasks;
  const auto add = [&](double cost, const std::string& note, std::function<Check()> work) {
    const auto slot = checks_.size();
    checks_.emplace_back();
    tasks.push_back({cost, note, [this, slot, work = std::move(work)] { checks_[slot] = work(); }});
  };
  for (const double share : {0.25, 0.5, 1.0}) {  // of the largest step
    const std::string subject = fmt::format("descent over the air at {:g} of the largest step", share);
    add(static_cast<double>(runs_ * SecondMoment::kRounds), subject, [this, share, subject] {
      constexpr double kPower = 0.5;
      constexpr double kReceived = SecondMoment::kWorkers * SecondMoment::kWorkers * kPower;
      const SecondMoment run{share * theory::largest_step(SecondMoment::kCurvatures, kReceived), kPower};
      auto check = check_of(subject, "mean square of the weights", "docs/swept.md, T1",
                            run.measured(seed_, runs_), run.expected(), runs_);
      check.power = kPower;
      return check;
    });
  }
  for (const auto& [first, second, lead] :
       {std::array{20.0, 5.0, 0.0}, std::array{20.0, 5.0, 0.1}, std::array{10.0, 10.0, 0.2}}) {
    const auto subject = fmt::format("averages of {:g} and {:g} rounds, lead {:g}", first, second, lead);
    add(12 * 6000, subject, [first, second, lead, subject] {
      const double expected = theory::delay_threshold(first, second, lead);
      auto check = check_of(subject, "largest step x curvature", "docs/swept.md, T3",
                            {measured_threshold(first, second, lead, expected), 0}, expected, 1);
      check.tolerance = 0.01 * expected;
      return check;
    });
  }
  for (const double lambda : {0.1, 0.3, 1.0, 3.0}) {
    const auto subject = fmt::format("differences at lambda = {:g}", lambda);
    add(static_cast<double>(runs_), subject, [this, lambda, subject] {
      const double rho = 1 / (1 + lambda);
      return check_of(subject, "noise held over message", "docs/swept.md, T4",
                      held_noise(lambda, rho, runs_, seed_), theory::settled_noise(lambda, rho), runs_);
    });
  }
  return tasks;
}

}  // namespace laser::verify
