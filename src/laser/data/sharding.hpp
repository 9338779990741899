// Which worker sees which example when: a function of (seed, epoch, position), so there is nothing
// to save or restore.
//
// Workers may differ: in how much they have, and in which classes. An epoch has the same number of rounds for
// all of them, that of a shard of mean size: who has less goes through his shard again, who has more sees a
// part of it, another one each epoch.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace laser {

/// How the training examples are spread.
struct ShardingOptions {
  std::string kind = "iid";    // iid | sorted (by label) | dirichlet (class shares drawn for each worker) |
                               // clients (as the data say)
  double concentration = 0.3;  // alpha of dirichlet: small is unlike, large is alike
  std::vector<double> shares;  // iid, sorted: relative sizes, repeated over the workers; empty: all equal
  double held_out = 0;         // share of the examples that no worker has: the same for every seed
};

class Sharding {
 public:
  /// Equal shards of the data permuted once, the remainder dropped; every worker reshuffles its own shard
  /// each epoch and keeps the last short batch (spec 5). Throws Error (configuration) if there are fewer
  /// examples than workers.
  Sharding(std::int64_t examples, std::int64_t workers, std::int64_t batch_size, std::uint64_t seed);
  /// As `options` say; `labels` [examples] are the classes, below 256. Throws Error (configuration).
  Sharding(std::span<const std::uint8_t> labels, const ShardingOptions& options, std::int64_t workers,
           std::int64_t batch_size, std::uint64_t seed);
  /// Shards of owners that are known: owners[e] is the worker that has example e. A share
  /// `held_out` of the examples is nobody's, the same ones as above. Throws Error (configuration)
  /// for a worker without examples.
  Sharding(std::span<const std::int32_t> owners, double held_out, std::int64_t workers,
           std::int64_t batch_size, std::uint64_t seed);
  /// Shards that are there already: the first sizes[0] examples are worker 0's, and so on. Throws Error
  /// (configuration) for a size below 1.
  Sharding(std::span<const std::int64_t> sizes, std::int64_t batch_size, std::uint64_t seed);
  /// Examples that a worker sees in an epoch: the mean size of a shard.
  [[nodiscard]] std::int64_t shard_size() const { return shard_size_; }
  [[nodiscard]] std::int64_t batch_size() const { return batch_size_; }
  /// Iterations an epoch: ceil(shard_size / batch_size).
  [[nodiscard]] std::int64_t rounds_per_epoch() const {
    return (shard_size_ + batch_size_ - 1) / batch_size_;
  }
  /// All examples of a worker, in no order that means anything.
  [[nodiscard]] std::span<const std::int32_t> shard(std::int64_t worker) const;
  /// The examples that no worker has, ascending.
  [[nodiscard]] std::span<const std::int32_t> held_out() const { return held_out_; }
  /// Worker's examples in the order of this epoch (0-based), [shard_size].
  [[nodiscard]] std::vector<std::int32_t> epoch_order(std::int64_t epoch, std::int64_t worker) const;
  /// The batch of iteration `step` of the epoch within an order.
  [[nodiscard]] std::span<const std::int32_t> batch(std::span<const std::int32_t> order,
                                                    std::int64_t step) const;

 private:
  /// Numbers of the examples, ascending, without a share of them that is held out.
  std::vector<std::int32_t> hold_out(std::size_t examples, double share);
  /// Cuts `order` into shards of the sizes.
  void cut(std::vector<std::int32_t> order, std::span<const std::int64_t> sizes);

  std::int64_t shard_size_ = 0;
  std::int64_t batch_size_;
  std::uint64_t seed_;
  std::vector<std::int32_t> order_;   // shards one after the other
  std::vector<std::int64_t> firsts_;  // [workers + 1] where they begin
  std::vector<std::int32_t> held_out_;
};

}  // namespace laser
