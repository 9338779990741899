// Which worker sees which example when: a function of (seed, epoch, position), so there is nothing to save or
// restore.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace laser {

/// The data permuted once and cut into k equal contiguous shards, the remainder dropped; every worker
/// reshuffles its own shard each epoch and keeps the last short batch (spec 5).
class Sharding {
 public:
  /// Throws Error (configuration) if there are fewer examples than workers.
  Sharding(std::int64_t examples, std::int64_t workers, std::int64_t batch_size, std::uint64_t seed);
  /// Examples of a shard.
  [[nodiscard]] std::int64_t shard_size() const { return shard_size_; }
  /// Iterations an epoch: ceil(shard_size / batch_size).
  [[nodiscard]] std::int64_t rounds_per_epoch() const {
    return (shard_size_ + batch_size_ - 1) / batch_size_;
  }
  /// Worker's examples in the order of this epoch (0-based), [shard_size].
  [[nodiscard]] std::vector<std::int32_t> epoch_order(std::int64_t epoch, std::int64_t worker) const;
  /// The batch of iteration `step` of the epoch within an order.
  [[nodiscard]] std::span<const std::int32_t> batch(std::span<const std::int32_t> order,
                                                    std::int64_t step) const;

 private:
  std::int64_t shard_size_;
  std::int64_t batch_size_;
  std::uint64_t seed_;
  std::vector<std::int32_t> permutation_;
};

}  // namespace laser
