// What the laws share: a small model, gradients, rounds, and processes played by threads.
#pragma once

#include <ATen/ATen.h>

#include <barrier>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "laser/aggregate/aggregator.hpp"
#include "laser/core/fail.hpp"
#include "laser/kernels/normal.hpp"

namespace laser::laws {

/// A matrix, a tall matrix, a convolution and a bias.
inline Layout small_layout() {
  Layout layout;
  layout.add("wide", {7, 12});
  layout.add("tall", {15, 6});
  layout.add("conv", {5, 3, 2, 2});
  layout.add("bias", {5});
  return layout;
}

/// Whether the parts fit each other: those given, and those that the algorithm names.
inline bool go_together(const Algorithm& algorithm, const Parts& parts = {}) {
  try {
    (void)make_parts(algorithm, parts);
    return true;
  } catch (const Error&) {
    return false;
  }
}

inline at::Tensor random_gradients(std::int64_t workers, std::int64_t size, std::uint32_t round,
                                   at::ScalarType type = at::kDouble) {
  auto gradients = at::empty({workers, size}, at::kDouble);
  const StreamKey key{99, Purpose::kTest, round, 0, 0};
  fill_normal(std::span<double>(gradients.data_ptr<double>(), static_cast<std::size_t>(gradients.numel())),
              key);
  return gradients.to(type);
}

/// Some rounds on fresh random gradients; returns the estimates [rounds, d].
inline at::Tensor run_rounds(Aggregator& aggregator, std::int64_t workers, std::int64_t first,
                             std::int64_t last, double budget, at::ScalarType type = at::kDouble) {
  std::vector<at::Tensor> estimates;
  for (auto t = first; t < last; ++t) {
    auto estimate = at::zeros({aggregator.layout().size}, type);
    const auto gradients =
        random_gradients(workers, aggregator.layout().size, static_cast<std::uint32_t>(t), type);
    aggregator.round(t, budget, gradients, estimate);
    estimates.push_back(estimate);
  }
  return at::stack(estimates);
}

/// Largest absolute difference over the largest magnitude of `b`.
inline double relative_difference(const at::Tensor& a, const at::Tensor& b) {
  const double scale = b.abs().max().item<double>();
  return (a - b).abs().max().item<double>() / (scale > 0 ? scale : 1.0);
}

/// What is seen of the links of a round: with almost no noise, worker i has a single 1 at place i of every
/// tensor, whose place in the estimate is the weight of the worker; and what every worker sent.
struct Seen {
  at::Tensor weights;  // [tensors, k]
  std::vector<double> energy;
};
inline Seen seen(Aggregator& aggregator, std::int64_t round, std::int64_t workers) {
  auto gradients = at::zeros({workers, aggregator.layout().size}, at::kDouble);
  for (const auto& layer : aggregator.layout().layers) {
    for (std::int64_t i = 0; i < workers; ++i) gradients[i][layer.offset + i] = 1.0;
  }
  auto estimate = at::zeros({aggregator.layout().size}, at::kDouble);
  const auto report = aggregator.round(round, 1e16, gradients, estimate);
  std::vector<at::Tensor> rows;
  for (const auto& layer : aggregator.layout().layers)
    rows.push_back(estimate.narrow(0, layer.offset, workers));
  return {at::stack(rows), report.energy};
}

/// The conversation about one tensor before the first round, without an aggregator: of workers with these
/// messages [K, d].
struct Alone {
  Alone(const Compressor& compressor, const Layer& layer, std::uint32_t index, std::int64_t round,
        std::uint64_t seed, const at::Tensor& messages)
      : shared(compressor.initial_state(layer, index, seed, at::kDouble)),
        constants(compressor.constants(layer, index, seed, at::kDouble)) {
    exchange.layer = &layer;
    exchange.index = index;
    exchange.seed = seed;
    exchange.round = round;
    exchange.shared = &shared;
    exchange.constants = &constants;
    exchange.message = messages.view({-1, layer.rows, layer.columns});
    form_products(compressor, exchange);
  }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

  const NamedTensors shared, constants;
  Exchange exchange;
};

/// The symbols of the first pass of such a conversation, [K, symbols].
inline at::Tensor first_symbols(const Compressor& compressor, const Layer& layer, std::uint32_t index,
                                std::int64_t round, std::uint64_t seed, const at::Tensor& messages) {
  Alone alone(compressor, layer, index, round, seed, messages);
  std::vector<at::Tensor> blocks;
  for (const auto& block : compressor.encode(alone.exchange, 0).blocks)
    blocks.push_back(block.reshape({messages.size(0), -1}));
  return at::cat(blocks, 1);
}

inline Layout vectors(int count, std::int64_t size) {
  Layout layout;
  for (int l = 0; l < count; ++l) layout.add("v" + std::to_string(l), {size});
  return layout;
}

/// Processes played by threads: each holds one worker.
class ThreadCollective final : public Collective {
 public:
  struct Board {
    explicit Board(std::int64_t size)
        : gate(size), tensors(static_cast<std::size_t>(size)), rows(tensors.size()) {}
    std::barrier<> gate;
    std::vector<at::Tensor> tensors;
    std::vector<std::vector<double>> rows;
  };
  ThreadCollective(Board& board, std::int64_t rank) : board_(board), rank_(static_cast<std::size_t>(rank)) {}

  [[nodiscard]] std::int64_t workers() const override {
    return static_cast<std::int64_t>(board_.rows.size());
  }
  [[nodiscard]] std::int64_t first_worker() const override { return static_cast<std::int64_t>(rank_); }
  [[nodiscard]] std::int64_t local_workers() const override { return 1; }
  void sum(std::span<at::Tensor> values) override {
    for (auto& value : values) {
      board_.tensors[rank_] = value.clone();
      board_.gate.arrive_and_wait();
      auto total = board_.tensors[0].clone();
      for (std::size_t r = 1; r < board_.tensors.size(); ++r) total.add_(board_.tensors[r]);
      board_.gate.arrive_and_wait();
      value.copy_(total);
    }
  }
  std::vector<double> gather_rows(std::vector<double> local, std::int64_t) override {
    board_.rows[rank_] = std::move(local);
    board_.gate.arrive_and_wait();
    std::vector<double> all;
    for (const auto& row : board_.rows) all.insert(all.end(), row.begin(), row.end());
    board_.gate.arrive_and_wait();
    return all;
  }

  /// For a process that gives up: the others do not wait for it any more.
  void leave() { board_.gate.arrive_and_drop(); }

 private:
  Board& board_;
  std::size_t rank_;
};

}  // namespace laser::laws
