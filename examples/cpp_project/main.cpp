// The mean of eight workers' gradients over a noisy channel at equal power, by LASER and by Z-SGD (every
// number as it is): how far the server's estimate is from the exact mean, and what it costs. Nothing is
// trained and the gradients are made up, a matrix of rank 2 and some noise of each worker's own, so the
// numbers say how the library is used and not more.
#include <ATen/ops/from_blob.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "laser/aggregate/aggregator.hpp"
#include "laser/core/error.hpp"
#include "laser/kernels/normal.hpp"

namespace {

constexpr std::int64_t kWorkers = 8, kRows = 64, kColumns = 96, kRank = 2, kRounds = 20;
constexpr std::uint64_t kSeed = 1;

std::vector<float> normal_numbers(std::int64_t count, std::uint32_t unit) {
  std::vector<float> numbers(static_cast<std::size_t>(count));
  laser::fill_normal(numbers, {.seed = kSeed, .purpose = laser::Purpose::kTest, .unit = unit});
  return numbers;
}

/// [workers, rows, columns], the same in every round.
std::vector<float> made_up_gradients() {
  const auto left = normal_numbers(kRows * kRank, 0), right = normal_numbers(kRank * kColumns, 1);
  auto gradients = normal_numbers(kWorkers * kRows * kColumns, 2);
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const auto row = i / kColumns % kRows, column = i % kColumns;
    float common = 0;
    for (std::size_t j = 0; j < kRank; ++j) common += left[row * kRank + j] * right[j * kColumns + column];
    gradients[i] = common + 0.3f * gradients[i];
  }
  return gradients;
}

std::vector<double> mean_over_workers(const std::vector<float>& gradients) {
  std::vector<double> mean(kRows * kColumns);
  for (std::size_t i = 0; i < gradients.size(); ++i) mean[i % mean.size()] += gradients[i] / double{kWorkers};
  return mean;
}

/// ||mean of the estimates - exact|| / ||exact||: what a server that averages over the rounds is left with.
double relative_error(const std::vector<double>& sum, const std::vector<double>& exact) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double difference = sum[i] / kRounds - exact[i];
    error += difference * difference;
    norm += exact[i] * exact[i];
  }
  return std::sqrt(error / norm);
}

void print_method(const char* method, double power, std::vector<float>& gradients) {
  laser::Algorithm algorithm;
  laser::apply(laser::find_recipe(method), algorithm);
  algorithm.compressor.rank = kRank;
  laser::Layout layout;
  layout.add("weight", {kRows, kColumns});
  laser::Solo workers(kWorkers);  // all in this process
  laser::Aggregator aggregator(layout, algorithm, kSeed, workers);

  const auto exact = mean_over_workers(gradients);
  const auto sent = at::from_blob(gradients.data(), {kWorkers, layout.size}, at::kFloat);
  std::vector<float> numbers(exact.size());
  auto estimate = at::from_blob(numbers.data(), {layout.size}, at::kFloat);
  std::vector<double> sum(exact.size());
  double most = 0, symbols = 0;
  for (std::int64_t round = 0; round < kRounds; ++round) {
    const auto report = aggregator.round(round, power, sent, estimate);
    most = std::fmax(most, report.budget_use);
    symbols += static_cast<double>(report.symbols) / kRounds;
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += numbers[i];
  }
  std::printf("%-6s %8g %14.4f %15.0f %12.4f\n", method, power, relative_error(sum, exact), symbols, most);
}

}  // namespace

int main() {
  try {
    auto gradients = made_up_gradients();
    std::printf("Mean of %lld made-up gradients, %lld x %lld, over %lld rounds of a noisy channel\n",
                static_cast<long long>(kWorkers), static_cast<long long>(kRows),
                static_cast<long long>(kColumns), static_cast<long long>(kRounds));
    std::printf("method    power relative error symbols a round  budget used\n");
    for (const double power : {10.0, 100.0, 1000.0, 10000.0}) {
      print_method("laser", power, gradients);
      print_method("zsgd", power, gradients);
    }
  } catch (const laser::Error& error) {
    std::fprintf(stderr, "noisy_mean: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}
