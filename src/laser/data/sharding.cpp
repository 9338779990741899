#include "laser/data/sharding.hpp"

#include <numeric>

#include "laser/core/error.hpp"
#include "laser/core/random.hpp"

namespace laser {
namespace {

/// Shuffles in place by Fisher-Yates with the words of a stream.
void shuffle(std::span<std::int32_t> items, const StreamKey& key) {
  PhiloxBlock block{};
  for (std::size_t i = items.size(); i > 1; --i) {
    const std::size_t index = items.size() - i;
    if (index % 4 == 0) block = random_block(key, static_cast<std::uint32_t>(index / 4));
    const auto j = static_cast<std::size_t>((std::uint64_t{block[index % 4]} * i) >> 32);
    std::swap(items[i - 1], items[j]);
  }
}

}  // namespace

Sharding::Sharding(std::int64_t examples, std::int64_t workers, std::int64_t batch_size, std::uint64_t seed)
    : shard_size_(examples / workers),
      batch_size_(batch_size),
      seed_(seed),
      permutation_(static_cast<std::size_t>(examples)) {
  if (shard_size_ == 0) {
    fail(ExitCode::kConfiguration, "workers = {} is more than the {} training examples", workers, examples);
  }
  std::iota(permutation_.begin(), permutation_.end(), 0);
  shuffle(permutation_, {seed_, Purpose::kShards, 0, 0, 0});
}

std::vector<std::int32_t> Sharding::epoch_order(std::int64_t epoch, std::int64_t worker) const {
  const auto first = permutation_.begin() + worker * shard_size_;
  std::vector<std::int32_t> order(first, first + shard_size_);
  shuffle(order, {seed_, Purpose::kShuffle, static_cast<std::uint32_t>(epoch), 0,
                  static_cast<std::uint32_t>(worker)});
  return order;
}

std::span<const std::int32_t> Sharding::batch(std::span<const std::int32_t> order, std::int64_t step) const {
  const auto first = step * batch_size_;
  const auto count = std::min(batch_size_, shard_size_ - first);
  return order.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
}

}  // namespace laser
