// The batches of some workers, round by round.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "laser/data/sharding.hpp"

namespace laser {

class WorkerBatches {
 public:
  /// Of the workers first .. first + count - 1.
  WorkerBatches(Sharding sharding, std::int64_t first, std::int64_t count)
      : sharding_(std::move(sharding)), first_(first), orders_(static_cast<std::size_t>(count)) {}

  [[nodiscard]] const Sharding& sharding() const { return sharding_; }
  /// Examples of a worker in a full round.
  [[nodiscard]] std::int64_t size() const { return std::min(sharding_.batch_size(), sharding_.shard_size()); }
  /// Goes to a round, counted from 0 through all epochs; its epoch's orders are kept.
  void open(std::int64_t round) {
    const auto epoch = round / sharding_.rounds_per_epoch();
    step_ = round % sharding_.rounds_per_epoch();
    if (epoch == epoch_) return;
    epoch_ = epoch;
    for (std::size_t i = 0; i < orders_.size(); ++i)
      orders_[i] = sharding_.epoch_order(epoch, first_ + static_cast<std::int64_t>(i));
  }
  /// Examples of the round of a worker, counted from the first one here.
  [[nodiscard]] std::span<const std::int32_t> batch(std::size_t worker) const {
    return sharding_.batch(orders_[worker], step_);
  }

 private:
  Sharding sharding_;
  std::int64_t first_;
  std::int64_t epoch_ = -1;  // of the orders
  std::int64_t step_ = 0;
  std::vector<std::vector<std::int32_t>> orders_;
};

}  // namespace laser
