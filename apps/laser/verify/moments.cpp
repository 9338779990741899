#include "laser/verify/moments.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "laser/core/fail.hpp"

namespace laser::verify {
namespace {

/// Per batch: n and the batch's mean error.
class BiasEstimator {
 public:
  explicit BiasEstimator(std::int64_t size) : sum_(at::zeros({size}, at::kDouble)) {}

  void add(const at::Tensor& error, double squared_norm) {
    sum_.add_(error);
    squares_ += squared_norm;
    ++count_;
  }

  /// ||mean||^2 minus what the scatter alone would give: expectation ||E e||^2 exactly.
  double finish() {
    const auto n = static_cast<double>(count_);
    const double of_mean = sum_.dot(sum_).item<double>() / n;  // n ||mean e||^2
    const double estimate = (of_mean - squares_ / n) / (n - 1);
    sum_.zero_();
    squares_ = 0;
    count_ = 0;
    return estimate;
  }

 private:
  at::Tensor sum_;
  double squares_ = 0;
  std::int64_t count_ = 0;
};

}  // namespace

at::Tensor noiseless_estimate(const Scheme& scheme, std::uint64_t seed) {
  Algorithm quiet = scheme.algorithm;
  quiet.channel = "noiseless";
  quiet.receiver = "unbiased";
  Solo solo(scheme.workers);
  Aggregator aggregator(scheme.layout, quiet, seed, solo, at::kDouble);
  auto estimate = at::zeros({scheme.layout.size}, at::kDouble);
  aggregator.round(scheme.first_round, 1, scheme.gradients(scheme.first_round), estimate);
  return estimate;
}

ErrorMoments measure(const Scheme& scheme, double power, SampleSize size, std::uint64_t seed) {
  LASER_CHECK(size.batches >= 2 && size.batch_size >= 2 && scheme.algorithm.feedback == "none");
  Solo solo(scheme.workers);
  Aggregator aggregator(scheme.layout, scheme.algorithm, seed, solo, at::kDouble);
  const auto start = aggregator.state();
  const auto fixed = scheme.signal ? at::Tensor() : noiseless_estimate(scheme, seed);
  auto estimate = at::zeros({scheme.layout.size}, at::kDouble);
  ErrorMoments moments;
  std::vector<double> energies, gains, biases;
  BiasEstimator bias(scheme.layout.size);
  for (std::int64_t i = 0; i < size.rounds(); ++i) {
    const auto round = scheme.first_round + i * scheme.round_step;
    aggregator.load_state(start);
    const auto report = aggregator.round(round, power, scheme.gradients(round), estimate);
    const auto signal = scheme.signal ? scheme.signal(estimate) : fixed;
    const double norm = signal.norm().item<double>();
    const auto error = (estimate - signal).div_(norm);
    energies.push_back(error.dot(error).item<double>());
    gains.push_back(1 + error.dot(signal).item<double>() / norm);
    bias.add(error, energies.back());
    if ((i + 1) % size.batch_size == 0) biases.push_back(bias.finish());
    for (const double spent : report.energy) moments.energy_use = std::max(moments.energy_use, spent / power);
  }
  moments.influence = mean_of(energies);
  moments.gain = mean_of(gains);
  moments.squared_bias = mean_of(biases);
  moments.samples = size.rounds();
  return moments;
}

std::uint64_t derived_seed(std::uint64_t seed, std::uint32_t index) {
  const StreamKey key{seed, Purpose::kTest, index, 0, 0};
  return (std::uint64_t{random_word(key, 0)} << 32) | random_word(key, 1);
}

at::Tensor decaying_matrix(std::int64_t rows, std::int64_t columns, double decay, std::uint64_t seed) {
  AddressedNoise noise;
  const auto terms = std::min(rows, columns);
  const auto left = noise.normal({rows, terms}, at::kDouble, {seed, Purpose::kTest, 0, 1, 0});
  const auto right = noise.normal({terms, columns}, at::kDouble, {seed, Purpose::kTest, 0, 1, 1});
  const auto matrix = at::mm(left * at::pow(decay, at::arange(terms, at::kDouble)), right);
  return matrix / matrix.norm();
}

}  // namespace laser::verify
