#include "laser/data/sharding.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "laser/core/fail.hpp"
#include "laser/core/random.hpp"
#include "laser/data/dirichlet.hpp"

namespace laser {
namespace {

// Units of the streams that spread the data; the permutation of all examples is unit 0.
constexpr std::uint32_t kHeldOutUnit = 1;
constexpr std::uint32_t kFirstClassUnit = 2;

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

std::vector<std::int32_t> counting(std::int64_t count) {
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

/// Sizes in proportion to `shares`, repeated over the workers, at least 1 each; without shares all equal.
std::vector<std::int64_t> sizes_of(std::int64_t examples, std::int64_t workers,
                                   const std::vector<double>& shares) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(workers), examples / workers);
  if (shares.empty()) return sizes;
  double total = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const double share = shares[i % shares.size()];
    if (!std::isfinite(share) || share <= 0)
      fail(ExitCode::kConfiguration, "shard_shares: {} is not above 0", share);
    total += share;
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const double part = shares[i % shares.size()] / total * static_cast<double>(examples - workers);
    sizes[i] = 1 + static_cast<std::int64_t>(part);
  }
  return sizes;
}

/// Orders the examples by worker, every class spread over the workers in shares from Dirichlet(alpha) [Hsu et
/// al., arXiv 1909.06335]; returns the sizes of the shards.
std::vector<std::int64_t> spread_classes(std::vector<std::int32_t>& order,
                                         std::span<const std::uint8_t> labels, double alpha,
                                         std::int64_t workers, std::uint64_t seed) {
  const auto k = static_cast<std::size_t>(workers);
  std::vector<std::vector<std::int32_t>> shards(k);
  std::vector<std::vector<std::int32_t>> classes(256);
  for (const auto example : order) classes[labels[static_cast<std::size_t>(example)]].push_back(example);
  for (std::size_t c = 0; c < classes.size(); ++c) {
    if (classes[c].empty()) continue;
    const auto shares =
        dirichlet(alpha, k, {seed, Purpose::kShards, 0, 0, kFirstClassUnit + static_cast<std::uint32_t>(c)});
    const auto count = static_cast<double>(classes[c].size());
    double until = 0;
    std::size_t next = 0;
    for (std::size_t i = 0; i < k; ++i) {
      until += shares[i];
      const auto last =
          i + 1 == k ? classes[c].size()
                     : std::min(classes[c].size(), static_cast<std::size_t>(std::llround(until * count)));
      for (; next < last; ++next) shards[i].push_back(classes[c][next]);
    }
  }
  for (auto& shard : shards) {  // nobody is left without an example
    if (!shard.empty()) continue;
    auto& largest = *std::max_element(shards.begin(), shards.end(),
                                      [](const auto& a, const auto& b) { return a.size() < b.size(); });
    shard.push_back(largest.back());
    largest.pop_back();
  }
  order.clear();
  std::vector<std::int64_t> sizes;
  for (const auto& shard : shards) {
    order.insert(order.end(), shard.begin(), shard.end());
    sizes.push_back(static_cast<std::int64_t>(shard.size()));
  }
  return sizes;
}

}  // namespace

Sharding::Sharding(std::int64_t examples, std::int64_t workers, std::int64_t batch_size, std::uint64_t seed)
    : Sharding(std::vector<std::uint8_t>(static_cast<std::size_t>(examples), 0), {}, workers, batch_size,
               seed) {}

Sharding::Sharding(std::span<const std::uint8_t> labels, const ShardingOptions& options, std::int64_t workers,
                   std::int64_t batch_size, std::uint64_t seed)
    : batch_size_(batch_size), seed_(seed) {
  auto order = hold_out(labels.size(), options.held_out);
  const auto examples = static_cast<std::int64_t>(order.size());
  shard_size_ = examples / workers;
  if (shard_size_ == 0) {
    fail(ExitCode::kConfiguration,
         "workers = {} is more than the {} training examples. HINT: at most so many workers", workers,
         examples);
  }
  shuffle(order, {seed_, Purpose::kShards, 0, 0, 0});
  if (options.kind == "dirichlet") {
    if (!options.shares.empty()) {
      fail(ExitCode::kConfiguration,
           "shard_shares and sharding = 'dirichlet' don't go together: it draws the sizes");
    }
    const auto sizes = spread_classes(order, labels, options.concentration, workers, seed_);
    cut(std::move(order), sizes);
    return;
  }
  if (options.kind == "sorted") {
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return labels[static_cast<std::size_t>(a)] < labels[static_cast<std::size_t>(b)];
    });
  }
  cut(std::move(order), sizes_of(examples, workers, options.shares));
}

Sharding::Sharding(std::span<const std::int32_t> owners, double held_out, std::int64_t workers,
                   std::int64_t batch_size, std::uint64_t seed)
    : batch_size_(batch_size), seed_(seed) {
  auto order = hold_out(owners.size(), held_out);
  const auto owner_of = [&](std::int32_t example) { return owners[static_cast<std::size_t>(example)]; };
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(workers), 0);
  for (const auto example : order) ++sizes.at(static_cast<std::size_t>(owner_of(example)));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) {
      fail(ExitCode::kConfiguration,
           "worker {} has no examples of its own. HINT: fewer workers, or a smaller validation", i);
    }
  }
  shard_size_ = std::ssize(order) / workers;
  std::ranges::stable_sort(order, {}, owner_of);
  cut(std::move(order), sizes);
}

Sharding::Sharding(std::span<const std::int64_t> sizes, std::int64_t batch_size, std::uint64_t seed)
    : batch_size_(batch_size), seed_(seed) {
  std::int64_t examples = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 1)
      fail(ExitCode::kConfiguration, "worker {} has {} examples. HINT: at least one", i, sizes[i]);
    examples += sizes[i];
  }
  shard_size_ = examples / std::max<std::int64_t>(1, std::ssize(sizes));
  cut(counting(examples), sizes);
}

std::vector<std::int32_t> Sharding::hold_out(std::size_t examples, double share) {
  auto order = counting(static_cast<std::int64_t>(examples));
  const auto kept_back = static_cast<std::size_t>(share * static_cast<double>(examples));
  if (kept_back == 0) return order;
  shuffle(order, {0, Purpose::kShards, 0, 0, kHeldOutUnit});
  held_out_.assign(order.end() - static_cast<std::ptrdiff_t>(kept_back), order.end());
  order.resize(order.size() - kept_back);
  std::sort(held_out_.begin(), held_out_.end());
  std::sort(order.begin(), order.end());
  return order;
}

void Sharding::cut(std::vector<std::int32_t> order, std::span<const std::int64_t> sizes) {
  order_ = std::move(order);
  firsts_ = {0};
  for (const auto size : sizes) firsts_.push_back(firsts_.back() + size);
}

std::span<const std::int32_t> Sharding::shard(std::int64_t worker) const {
  const auto first = firsts_[static_cast<std::size_t>(worker)],
             last = firsts_[static_cast<std::size_t>(worker) + 1];
  return std::span(order_).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first));
}

std::vector<std::int32_t> Sharding::epoch_order(std::int64_t epoch, std::int64_t worker) const {
  const auto own = shard(worker);
  std::vector<std::int32_t> order;
  for (std::uint32_t pass = 0; order.size() < static_cast<std::size_t>(shard_size_); ++pass) {
    std::vector<std::int32_t> again(own.begin(), own.end());
    shuffle(again, {seed_, Purpose::kShuffle, static_cast<std::uint32_t>(epoch), pass,
                    static_cast<std::uint32_t>(worker)});
    order.insert(order.end(), again.begin(), again.end());
  }
  order.resize(static_cast<std::size_t>(shard_size_));
  return order;
}

std::span<const std::int32_t> Sharding::batch(std::span<const std::int32_t> order, std::int64_t step) const {
  const auto first = step * batch_size_;
  const auto count = std::min(batch_size_, shard_size_ - first);
  return order.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
}

}  // namespace laser
