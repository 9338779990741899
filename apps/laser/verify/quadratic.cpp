#include "laser/verify/quadratic.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "laser/aggregate/aggregator.hpp"
#include "laser/core/fail.hpp"

namespace laser::verify {
namespace {

constexpr std::uint32_t kGradientStream = 5, kSignStream = 6;  // layers of Purpose::kTest

/// The gradients of all workers at a point.
class Gradients {
 public:
  Gradients(const QuadraticSubject& subject, std::uint64_t seed)
      : subject_(subject),
        seed_(seed),
        k_(subject.round.workers),
        size_(subject.quadratic.rows * subject.quadratic.columns) {
    if (subject.noise == GradientNoise::kRotated) LASER_CHECK(k_ % 2 == 0);
    if (subject.noise != GradientNoise::kEntrywise) LASER_CHECK(subject.quadratic.columns % 2 == 0);
  }

  /// Writes g_i [k, m n] of round t.
  void write(const std::vector<double>& x, std::int64_t t, double* out) {
    const auto size = static_cast<std::size_t>(size_);
    exact_.resize(size);
    for (std::size_t j = 0; j < size; ++j) exact_[j] = subject_.quadratic.curvature[j] * x[j];
    const auto round = static_cast<std::uint32_t>(t);
    if (subject_.noise == GradientNoise::kTangent) {
      write_tangent(round, out);
      return;
    }
    const std::int64_t rows = subject_.noise == GradientNoise::kRotated ? 1 : k_;
    const auto draws =
        noise_.normal({rows * size_}, at::kDouble, {seed_, Purpose::kTest, round, kGradientStream, 0});
    const double* z = draws.const_data_ptr<double>();
    const double variance = subject_.round.gradient_variance / static_cast<double>(size_);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < size; ++j) {
        const double g = exact_[j];
        out[static_cast<std::size_t>(i) * size + j] =
            g + std::sqrt(subject_.round.gradient_noise_factor * g * g + variance) * *z++;
      }
    }
    if (subject_.noise == GradientNoise::kRotated) rotate(out);
  }

 private:
  /// g + sqrt(M ||g||^2 + sigma^2) J g / ||g||, J a quarter turn of every column pair, its sense drawn.
  void write_tangent(std::uint32_t round, double* out) {
    double energy = 0;
    for (const double g : exact_) energy += g * g;
    LASER_CHECK(energy > 0);
    const double factor =
        std::sqrt(subject_.round.gradient_noise_factor + subject_.round.gradient_variance / energy);
    for (std::int64_t i = 0; i < k_; ++i) {
      const StreamKey key{seed_, Purpose::kTest, round, kSignStream, static_cast<std::uint32_t>(i)};
      std::uint32_t word = 0;  // a bit a pair
      for (std::size_t j = 0; j < exact_.size(); j += 2, word >>= 1) {
        if (j % 64 == 0) word = random_word(key, j / 64);
        const double turn = (word & 1U) != 0U ? factor : -factor;
        *out++ = exact_[j] - turn * exact_[j + 1];
        *out++ = exact_[j + 1] + turn * exact_[j];
      }
    }
  }

  /// Row 0 holds g + xi; every worker gets it turned by its angle, over the cosine.
  void rotate(double* out) const {
    const double tangent = std::sqrt(subject_.round.spread - 1);
    const auto size = static_cast<std::size_t>(size_);
    for (std::size_t i = static_cast<std::size_t>(k_); i-- > 0;) {
      const double turn = i % 2 == 0 ? tangent : -tangent;
      for (std::size_t j = 0; j < size; j += 2) {
        const double a = out[j], b = out[j + 1];
        out[i * size + j] = a - turn * b;
        out[i * size + j + 1] = b + turn * a;
      }
    }
  }

  const QuadraticSubject& subject_;
  std::uint64_t seed_;
  std::int64_t k_, size_;
  std::vector<double> exact_;
  AddressedNoise noise_;
};

theory::MomentTotals measure(const theory::Quadratic& quadratic, const std::vector<double>& x,
                             const at::Tensor& memory, std::int64_t workers) {
  const auto size = x.size();
  std::vector<double> mean(size, 0.0);
  theory::MomentTotals totals;
  if (memory.defined()) {
    const auto rows = memory.contiguous();
    const double* e = rows.const_data_ptr<double>();
    const double share = 1 / static_cast<double>(workers);
    for (std::int64_t i = 0; i < workers; ++i) {
      for (std::size_t j = 0; j < size; ++j, ++e) {
        mean[j] += *e * share;
        totals.own_memory += *e * *e * share;
      }
    }
  }
  for (std::size_t j = 0; j < size; ++j) {
    const double c = quadratic.curvature[j], rest = x[j] - mean[j];
    totals.gap += c * x[j] * x[j] / 2;
    totals.squared_gradient += c * c * x[j] * x[j];
    totals.distance += rest * rest;
    totals.virtual_gap += c * rest * rest / 2;
    totals.memory += mean[j] * mean[j];
  }
  return totals;
}

}  // namespace

theory::QuadraticRound round_at(const QuadraticSubject& subject, std::int64_t t) {
  auto round = subject.round;
  if (subject.alternates) round.sent = t % 2 == 0 ? theory::Sent::row_space : theory::Sent::column_space;
  return round;
}

Trajectory simulate(const QuadraticSubject& subject, std::uint64_t seed) {
  const auto& quadratic = subject.quadratic;
  const auto k = subject.round.workers;
  Layout layout;
  layout.add("theta", {quadratic.rows, quadratic.columns});
  Solo solo(k);
  Aggregator aggregator(layout, subject.algorithm, seed, solo, at::kDouble);
  Gradients draw(subject, seed);
  auto x = subject.start;
  auto gradients = at::zeros({k, layout.size}, at::kDouble);
  auto estimate = at::zeros({layout.size}, at::kDouble);
  const double step = subject.round.step;
  const std::int64_t first = subject.round.sent == theory::Sent::column_space ? 1 : 0;
  Trajectory trajectory;
  for (std::int64_t t = 0; t < subject.rounds; ++t) {
    const auto round = first + t * subject.round_step;
    draw.write(x, round, gradients.data_ptr<double>());
    aggregator.round(round, subject.round.power, gradients, estimate, false, step);
    const double* y = estimate.const_data_ptr<double>();
    for (std::size_t j = 0; j < x.size(); ++j) x[j] -= step * y[j];  // the estimate was divided by gamma
    trajectory.push_back(measure(quadratic, x, aggregator.memory(0), k));
  }
  return trajectory;
}

Trajectory predict(const QuadraticSubject& subject) {
  auto moments = theory::SecondMoments::at(subject.start);
  Trajectory trajectory;
  for (std::int64_t t = 0; t < subject.rounds; ++t) {
    moments = theory::advance(subject.quadratic, round_at(subject, t), moments);
    trajectory.push_back(theory::totals(subject.quadratic, moments));
  }
  return trajectory;
}

double subject_influence(const QuadraticSubject& subject) {
  const double alone = (theory::round_influence(subject.quadratic, round_at(subject, 0)) +
                        theory::round_influence(subject.quadratic, round_at(subject, 1))) /
                       2;
  const auto k = static_cast<double>(subject.round.workers);
  return subject.round.kind == theory::Workers::rotated ? subject.round.spread * alone / (k * k) : alone / k;
}

QuadraticSubject with_influence_times(QuadraticSubject subject, double factor) {
  subject.round.power /= factor;
  return subject;
}

}  // namespace laser::verify
